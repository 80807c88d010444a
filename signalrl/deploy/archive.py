"""Zip files with a fixed list of members: read without trust, written at once.

Members are read by their exact names into memory and never unpacked to disk, so that a path in an
archive leads nowhere; each has a largest size, so that a small file can't fill the memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from signalrl.errors import BundleError

MAGIC = b"PK\x03\x04"
"""How a zip file begins."""
CHECKSUMS = "SHA256SUMS"
MAX_FILE_BYTES = 64 * 2**20
_MAX_MEMBERS = 64
_ENTRY = b"PK\x01\x02"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What :mod:`zipfile` raises on a file that is no sound archive."""


class Archive:
    """The members of a zip file in memory.

    Args:
        content: The bytes of the file.
        source: What it is called in errors.

    Raises:
        BundleError: It is no zip file, or one that can't be trusted to be small.
    """

    def __init__(self, content: bytes, source: str) -> None:
        self._source = source
        if content.count(_ENTRY) > _MAX_MEMBERS:
            raise BundleError(
                f"{source}: expected a handful of members, got more than {_MAX_MEMBERS}; "
                "this is no bundle"
            )
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except _BROKEN as error:
            raise self._broken(error) from error
        self.names = tuple(info.filename for info in self._zip.infolist())
        if len(set(self.names)) < len(self.names):
            raise BundleError(f"{source}: expected every member once, got {sorted(self.names)}")

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a member of at most ``limit`` bytes.

        Raises:
            BundleError: There is no such member, it is larger, or it is damaged.
        """
        if name not in self.names:
            raise BundleError(
                f"{self._source}: expected the member {name}, found {', '.join(self.names)}; "
                "export the policy again"
            )
        info = self._zip.getinfo(name)
        if info.compress_type not in _METHODS:
            raise BundleError(
                f"{self._source}: expected {name} stored or deflated, got compression method "
                f"{info.compress_type}; export the policy again"
            )
        if info.file_size > limit:
            raise BundleError(
                f"{self._source}: expected at most {limit} bytes in {name}, got {info.file_size}; "
                "this is no bundle of signalrl"
            )
        try:
            with self._zip.open(info) as file:
                # A bounded read: without a number, zipfile inflates whatever is there.
                return file.read(limit + 1)
        except _BROKEN as error:
            raise self._broken(error, name) from error

    def read_all(self, limits: Mapping[str, int]) -> dict[str, bytes]:
        """Return all members, which have to be the ones named.

        Args:
            limits: The largest size of each member in bytes.

        Raises:
            BundleError: A member is missing, unknown, too large or damaged.
        """
        if unknown := sorted(set(self.names) - set(limits)):
            raise BundleError(
                f"{self._source}: expected the members {', '.join(limits)} and no other, got "
                f"{unknown[0]!r} too; export the policy again"
            )
        return {name: self.read(name, limit) for name, limit in limits.items()}

    def _broken(self, error: Exception, name: str = "") -> BundleError:
        where = f"{self._source}, {name}" if name else self._source
        return BundleError(
            f"{where}: expected a sound zip file, got {str(error) or type(error).__name__}; it is "
            "incomplete or altered: copy it again, or export the policy again"
        )


def read_limited(path: Path) -> bytes:
    """Return the content of a file of at most ``MAX_FILE_BYTES``.

    Raises:
        BundleError: There is no such file, or it is larger.
    """
    if path.is_dir():
        raise BundleError(
            f"expected a bundle or an .onnx file, got the folder {path}; "
            f"make a bundle of a training run with: signalrl export {path} -o x.bundle"
        )
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BundleError(
            f"expected a bundle or an .onnx file at {path}, got: {error.strerror}; look at the path"
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise BundleError(
            f"{path}: expected at most {MAX_FILE_BYTES} bytes, got more; this is no policy of "
            "signalrl"
        )
    return content


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file of members; equal members give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            file.writestr(info, content)
    return buffer.getvalue()


def checksums(members: Mapping[str, bytes]) -> bytes:
    """Return the SHA-256 of members as ``sha256sum --check`` reads it."""
    lines = [f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members)]
    return "".join(lines).encode()


def write_atomically(path: Path, content: bytes, check: Callable[[Path], object]) -> None:
    """Write a file at once, after its draft has passed a check; a failure leaves what was there.

    Args:
        path: The file; its folder is made where it is missing.
        content: What to write.
        check: Raises where the draft is not good.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        check(draft)
        draft.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
