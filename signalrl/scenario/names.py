"""How the name of a scenario becomes an id of Gymnasium."""

from __future__ import annotations

import re

NAMESPACE = "signalrl"


def gym_id_of(name: str, version: int) -> str:
    """Return the id of a scenario: ``resco-cologne8``, 1 gives ``signalrl/RescoCologne8-v1``."""
    words = re.split(r"[^0-9A-Za-z]+", name)
    return f"{NAMESPACE}/{''.join(word[:1].upper() + word[1:] for word in words)}-v{version}"
