"""No service holds up its other callers: nothing blocks inside a coroutine."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import aisuite.services

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = Path(aisuite.services.__file__).parent
FILES = sorted(SERVICES.rglob("*.py"))
BLOCKING = {"time.sleep", "sleep", "httpx.get", "httpx.post", "subprocess.run", "open", "input"}


def blocking_calls(tree: ast.AST) -> Iterator[str]:
    """Yield what blocks in the coroutines of a file; functions inside of them run elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield from (name for statement in node.body for name in _calls(statement) if name in BLOCKING)


def _calls(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.Call):
        yield ast.unparse(node.func)
    for inner in ast.iter_child_nodes(node):
        yield from _calls(inner)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_no_coroutine_of_a_service_blocks(path: Path) -> None:
    assert list(blocking_calls(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_a_coroutine_that_blocks_would_be_seen() -> None:
    assert list(blocking_calls(ast.parse("async def f():\n    if x:\n        time.sleep(1)\n"))) == ["time.sleep"]
    assert list(blocking_calls(ast.parse("async def f():\n    await asyncio.sleep(1)\n"))) == []
