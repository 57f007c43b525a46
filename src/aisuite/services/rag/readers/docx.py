"""The text of a Word document, with its headings as Markdown."""

from __future__ import annotations

import re
from io import BytesIO
from zipfile import ZipFile

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph

from aisuite.services.rag.readers import Unreadable

_UNPACKED_AT_MOST = 200 * 2**20  # a bomb of a few kilobytes unpacks to gigabytes
_HEADING = re.compile(r"(?:heading|제목) (\d)", re.IGNORECASE)


def docx_text(content: bytes) -> str:
    """Give paragraphs and tables in their order. Raises `Unreadable`, and what python-docx raises."""
    with ZipFile(BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > _UNPACKED_AT_MOST:
            raise Unreadable(f"it unpacks to more than {_UNPACKED_AT_MOST // 2**20} MiB")
    blocks = [_write(block) for block in docx.Document(BytesIO(content)).iter_inner_content()]
    return "\n\n".join(block for block in blocks if block)


def _write(block: Paragraph | Table) -> str:
    if isinstance(block, Table):
        return "\n".join(" | ".join(" ".join(cell.text.split()) for cell in row.cells) for row in block.rows)
    text = block.text.strip()
    style = block.style.name if block.style is not None else None
    if not text or style is None:
        return text
    heading = _HEADING.match(style)
    if heading or style == "Title":
        return f"{'#' * (min(int(heading[1]), 6) if heading else 1)} {' '.join(text.split())}"
    return f"- {text}" if style.startswith("List") else text
