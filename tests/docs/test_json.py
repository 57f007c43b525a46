"""docs/reference/json.md shows what the commands print."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from aisuite.cli.app import app, run
from aisuite.cli.view import client as view
from aisuite.cli.view import rag as rag_view
from aisuite.cli.view.evaluation import eval_json
from aisuite.ops.ask import Piece
from aisuite.ops.index import IndexReport
from aisuite.ops.models import ModelRow
from aisuite.ops.rag_eval import EvalReport, EvalRow
from aisuite.ops.rag_library import CollectionRow, DocumentRow, RemoveReport
from aisuite.ops.rag_metrics import Outcome, summarize
from aisuite.ops.rag_search import Hit, SearchReport
from aisuite.ops.status import ServiceStatus
from tests.docs.pages import REFERENCE, find_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES: dict[str, list[dict[str, Any]]] = {}
for block in find_blocks(REFERENCE / "json.md"):
    if block.language == "json":
        example = json.loads(block.text)
        EXAMPLES.setdefault(example["schema"], []).append(example)

HEAD = {"schema", "ok", "exit_code"}
# Commands whose object can be made without a running suite.
WITHOUT_SUITE = {
    "up": ["up", "--demo", "--dry-run"],
    "down": ["down"],
    "status": ["status"],
    "ps": ["ps"],
    "clean": ["clean"],
    "backup.list": ["backup", "list"],
    "backup.schedule": ["backup", "schedule", "--with", "cron"],
    "evidence.list": ["evidence", "list"],
    "render": ["render", "--demo", "--output", "rendered"],
    "validate-env": ["validate-env", "--demo", "--only", "PORT"],
    "models.list": ["models", "list", "--demo"],
    "profile.list": ["profile", "list"],
    "profile.schema": ["profile", "schema"],
    "config.show": ["config", "show", "--demo"],
}


def _names(command: Any, words: tuple[str, ...] = ()) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield ".".join(words)
    for name, one in (inner or {}).items():
        if not one.hidden:  # a second name of a command
            yield from _names(one, (*words, name))


def _success(command: str) -> dict[str, Any]:
    return next(one for one in EXAMPLES[f"aisuite.{command}/1"] if "error" not in one)


def test_every_command_has_an_example() -> None:
    documented = {schema.removeprefix("aisuite.").removesuffix("/1") for schema in EXAMPLES}
    assert documented >= set(_names(typer.main.get_command(app)))


@pytest.mark.parametrize("schema", EXAMPLES)
def test_every_example_begins_with_schema_ok_and_exit_code(schema: str) -> None:
    for example in EXAMPLES[schema]:
        assert list(example)[:3] == ["schema", "ok", "exit_code"]
        assert example["ok"] is (example["exit_code"] == 0)


@pytest.mark.parametrize("command", WITHOUT_SUITE)
def test_an_example_has_the_fields_that_the_command_prints(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run([*WITHOUT_SUITE[command], "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == list(_success(command))


def test_the_examples_of_ask_and_rag_index_have_the_fields_of_their_reports() -> None:
    report = IndexReport("docs", documents=1, chunks=1, unchanged=0, replaced=0, skipped=())
    assert HEAD | rag_view.index_json(report).keys() == _success("rag.index").keys()
    assert HEAD | view.ask_json([Piece("hi")]).keys() == _success("ask").keys()


def test_the_examples_of_the_other_rag_commands_have_the_fields_of_their_reports() -> None:
    hit = Hit(score=0.5, document="a.md", source="a.md", title="A", text="text")
    found = rag_view.search_json(SearchReport("docs", "hybrid", (hit,)))
    assert HEAD | found.keys() == _success("rag.search").keys()
    assert found["hits"][0].keys() == _success("rag.search")["hits"][0].keys()
    listed = rag_view.collections_json((CollectionRow("docs", 1, 1, "hash-384"),))
    assert HEAD | listed.keys() == _success("rag.list").keys()
    assert listed["collections"][0].keys() == _success("rag.list")["collections"][0].keys()
    documents = rag_view.documents_json("docs", (DocumentRow("a.md", "a.md", "A", 1),))
    assert documents["documents"][0].keys() == EXAMPLES["aisuite.rag.list/1"][1]["documents"][0].keys()
    assert HEAD | rag_view.remove_json(RemoveReport("docs", None)).keys() == _success("rag.rm").keys()
    assert HEAD | view.ask_json([Piece("hi")]).keys() == _success("rag.ask").keys()


def test_the_example_of_rag_eval_has_the_fields_of_its_report() -> None:
    row = EvalRow("sparse", "ko", "shares-words", summarize([Outcome(frozenset("a"), ("a",))]))
    shown = eval_json(EvalReport("benchmarks/rag", "evaluation", documents=1, questions=1, rows=(row,), model="m"))
    assert HEAD | shown.keys() == _success("rag.eval").keys()
    assert shown["rows"][0].keys() == _success("rag.eval")["rows"][0].keys()


def test_rows_of_services_and_models_have_the_fields_of_their_reports() -> None:
    service = [one.name for one in fields(ServiceStatus)]
    model = [one.name for one in fields(ModelRow)]
    for command in ("up", "status"):
        assert {tuple(row) for row in _success(command)["services"]} == {tuple(service)}
    assert list(_success("models.list")["models"][0]) == model
