"""What a reader sees of an HTML page, with its headings as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from aisuite.services.rag.readers.encodings import decode

_UNSEEN = "script, style, noscript, template, svg, nav, iframe, object"
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset({"p", "li", "dt", "dd", "blockquote", "figcaption", "caption", "tr", "pre", *_HEADINGS})
_CHARSET = re.compile(rb"""<meta[^>]+charset=["']?([\w-]+)""", re.IGNORECASE)
_HEAD_BYTES = 4096


def html_text(content: bytes) -> str:
    """Give the text of a page, block by block, under its title when no heading repeats it."""
    page = LexborHTMLParser(_decode(content))
    for unseen in page.css(_UNSEEN):
        unseen.decompose()
    blocks = list(_blocks(page.body)) if page.body else []
    title_node = page.css_first("title")
    title = " ".join(title_node.text().split()) if title_node else ""
    if title and f"# {title}" not in blocks:
        blocks.insert(0, f"# {title}")
    return "\n\n".join(blocks)


def _decode(content: bytes) -> str:
    declared = _CHARSET.search(content[:_HEAD_BYTES])
    try:
        return content.decode(declared[1].decode() if declared else "utf-8")
    except (UnicodeError, LookupError):
        return decode(content)


def _blocks(body: LexborNode) -> Iterator[str]:
    """Yield the outermost blocks in their order, and the text between them."""
    loose: list[str] = []
    for node in body.traverse(include_text=True):
        inside = _outermost_block(node, body)
        if node.tag == "-text" and inside is None:
            loose.append(node.text(deep=False))
        elif node.tag in _BLOCKS and inside is not None and inside.mem_id == node.mem_id:
            yield from _flush(loose)
            if written := _write(node):
                yield written
    yield from _flush(loose)


def _outermost_block(node: LexborNode, body: LexborNode) -> LexborNode | None:
    """Find the outermost block that a node is or stands in."""
    found: LexborNode | None = None
    above: LexborNode | None = node
    while above is not None and above.mem_id != body.mem_id:
        if above.tag in _BLOCKS:
            found = above
        above = above.parent
    return found


def _flush(loose: list[str]) -> Iterator[str]:
    text = " ".join("".join(loose).split())
    loose.clear()
    if text:
        yield text


def _write(node: LexborNode) -> str:
    if node.tag == "pre":
        return f"```\n{node.text().strip(chr(10))}\n```" if node.text().strip() else ""
    if node.tag == "tr":
        cells = [" ".join(cell.text(separator=" ").split()) for cell in node.css("td, th")]
        return " | ".join(cells).strip(" |")
    text = " ".join(node.text(separator="").split())
    if not text:
        return ""
    if node.tag in _HEADINGS:
        return f"{'#' * _HEADINGS[node.tag]} {text}"
    return f"- {text}" if node.tag == "li" else text
