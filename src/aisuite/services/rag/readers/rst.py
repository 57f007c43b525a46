"""reStructuredText as Markdown, as far as searching needs it."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from docutils.core import publish_doctree

# Nothing outside of the text is read, and its mistakes are no concern of ours.
_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 6,
    "warning_stream": False,
    "doctitle_xform": False,
}
_LEFT_OUT = (nodes.comment, nodes.substitution_definition, nodes.system_message, nodes.target)


def rst_text(text: str) -> str:
    """Give the text with its headings and code blocks as Markdown."""
    return "\n\n".join(_blocks(publish_doctree(text, settings_overrides=_SETTINGS), 0)).strip()


def _blocks(node: nodes.Node, depth: int) -> Iterator[str]:
    if isinstance(node, _LEFT_OUT):
        return
    if isinstance(node, nodes.title):
        yield f"{'#' * min(max(depth, 1), 6)} {node.astext()}"
    elif isinstance(node, nodes.literal_block):
        yield f"```\n{node.astext()}\n```"
    elif isinstance(node, nodes.list_item):
        yield f"- {node.astext()}"
    elif isinstance(node, nodes.row):
        yield " | ".join(" ".join(entry.astext().split()) for entry in node.children)
    elif isinstance(node, nodes.TextElement):
        if text := node.astext().strip():
            yield text
    else:
        deeper = depth + isinstance(node, nodes.section)
        for child in node.children:
            yield from _blocks(child, deeper)
