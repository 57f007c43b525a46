"""The text of a PDF, page by page."""

from __future__ import annotations

from io import BytesIO

from pypdf import PdfReader

from aisuite.services.rag.readers import PAGE_END, Unreadable

_PAGES_AT_MOST = 5000
_CHARS_AT_MOST = 50_000_000


def pdf_text(content: bytes) -> str:
    """Give the pages with a form feed between them. Raises `Unreadable`, and what pypdf raises."""
    reader = PdfReader(BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("it is locked with a password")
    if len(reader.pages) > _PAGES_AT_MOST:
        raise Unreadable(f"it has more than {_PAGES_AT_MOST} pages")
    pages, chars = [], 0
    for page in reader.pages:
        pages.append(page.extract_text().replace(PAGE_END, "\n"))
        chars += len(pages[-1])
        if chars > _CHARS_AT_MOST:
            raise Unreadable(f"it holds more than {_CHARS_AT_MOST} characters")
    if not any(page.strip() for page in pages):
        raise Unreadable("it holds no text: are its pages pictures?")
    return PAGE_END.join(pages)
