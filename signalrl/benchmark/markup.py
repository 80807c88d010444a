"""Pieces of HTML that the sections of a report share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def figure(content: str, caption: str) -> str:
    """Return a picture with its caption.

    Args:
        content: An SVG element or an image.
        caption: Plain text.
    """
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    best: Sequence[bool] = (),
    text_columns: Sequence[int] = (),
    kind: str = "",
) -> str:
    """Return a table that scrolls where it is wider than the page.

    Args:
        head: Titles of the columns.
        rows: Plain text by row and column.
        best: Which rows stand out.
        text_columns: Columns that hold sentences.
        kind: Class of the table in the style of the page.
    """
    lines = []
    for i, row in enumerate(rows):
        cells = "".join(
            ('<td class="text">' if k in text_columns else "<td>") + f"{escape(cell)}</td>"
            for k, cell in enumerate(row)
        )
        opening = '<tr class="best">' if i < len(best) and best[i] else "<tr>"
        lines.append(f"{opening}{cells}</tr>")
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
