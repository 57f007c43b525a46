"""Files of all kinds as text: what stands under headings stays there, as Markdown says it.

The pages of a PDF are divided by form feeds, so that the text alone tells which page a place is on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from aisuite.services.rag.readers.encodings import Undecodable, decode
from aisuite.services.rag.readers.kinds import Kind, find_kind

PAGE_END = "\f"
_EXTRA = "pip install 'aisuite[rag]'"

logger = logging.getLogger(__name__)


class Unreadable(Exception):
    """The file cannot be read as what its name says; the message says why."""


def read_text(name: str, content: bytes) -> str:
    """Give the text of a file. Raises `Unreadable`, whatever the file is made of."""
    kind = find_kind(name)
    if kind is None:
        raise Unreadable("files of this kind are not read")
    try:
        return _READERS[kind](content)
    except Unreadable:
        raise
    except Undecodable as err:
        raise Unreadable(str(err)) from err
    except ImportError as err:
        raise Unreadable(f"the library {err.name} is missing: {_EXTRA}") from err
    except Exception as err:  # parsers of damaged files fail in any way, and one file must not stop the others
        logger.info("%s cannot be read", name, exc_info=True)
        raise Unreadable(f"damaged, or no {kind}: {str(err)[:200] or type(err).__name__}") from err


def _read_rst(content: bytes) -> str:
    from aisuite.services.rag.readers.rst import rst_text

    return rst_text(decode(content))


def _read_html(content: bytes) -> str:
    from aisuite.services.rag.readers.html import html_text

    return html_text(content)


def _read_pdf(content: bytes) -> str:
    from aisuite.services.rag.readers.pdf import pdf_text

    return pdf_text(content)


def _read_docx(content: bytes) -> str:
    from aisuite.services.rag.readers.docx import docx_text

    return docx_text(content)


def _read_csv(content: bytes) -> str:
    from aisuite.services.rag.readers.tables import csv_text

    return csv_text(decode(content))


def _read_json(content: bytes) -> str:
    from aisuite.services.rag.readers.tables import json_text

    return json_text(decode(content))


_READERS: dict[Kind, Callable[[bytes], str]] = {
    "prose": decode,
    "code": decode,
    "rst": _read_rst,
    "html": _read_html,
    "pdf": _read_pdf,
    "docx": _read_docx,
    "csv": _read_csv,
    "json": _read_json,
}
