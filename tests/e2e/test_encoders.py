"""A suite whose documents are found by models: one embeds, one reranks, one embeds in its place. All are tiny."""

from __future__ import annotations

import json
from shutil import copytree
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e.suite import Ran, Suite, kill, wait_for
from tests.free_ports import free_ports
from tests.services.embedding.onnx_model import write_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

ONNX = "intfloat/multilingual-e5-small"
PROFILE = """\
extends: demo
models:
  embed: {{source: {{demo: true}}, serves: embedding, pooling: mean, context: 512, threads: 1, gpu_layers: 0}}
  rerank: {{source: {{{reranker}}}, serves: rerank, context: 512, threads: 1, gpu_layers: 0}}
services:
  embedding: {{model: {model}}}
  rag: {{reranker: rerank, min_score: -1}}
ports: {{inference-embed: {embed}, inference-rerank: {rerank}}}
"""
NOTES = {"whale.md": "# 고래\n\n고래는 바다에 삽니다.", "fox.md": "# Fox\n\nThe fox lives in the forest."}


class Encoding:
    """The suite, and the profile by which it was started."""

    def __init__(self, folder: Path) -> None:
        self.suite = Suite(folder)
        self.ports = free_ports(2)
        (folder / "notes").mkdir()
        for name, text in NOTES.items():
            (folder / "notes" / name).write_text(text, encoding="utf-8")

    def up(self, model: str, reranker: str = "demo: true") -> Ran:
        embed, rerank = self.ports
        text = PROFILE.format(model=model, reranker=reranker, embed=embed, rerank=rerank)
        (self.suite.folder / "mine.yaml").write_text(text, encoding="utf-8")
        return self.suite.run("up", "--profile", "./mine.yaml", "--json")

    def retrieve(self) -> dict[str, Any]:
        """Search as a program does, without the time that a command takes to start."""
        key = (self.suite.state / "secrets" / "service_key").read_text().strip()
        url = f"http://127.0.0.1:{self.suite.ports['RAG_PORT']}/retrieve"
        body = {"query": "고래는 어디에 사나요?", "collection": "notes"}
        answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=60)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


@pytest.fixture(scope="module")
def encoding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encoding]:
    made = Encoding(tmp_path_factory.mktemp("encoding"))
    try:
        first = made.up("embed")
        assert first.code == 0, first.out + first.err
        counted = made.suite.run("rag", "index", "notes", "--collection", "notes", "--json")
        assert counted.code == 0, counted.out
        assert counted.json["documents"] == len(NOTES)
        yield made
    finally:
        made.suite.run("down")
    assert made.suite.processes() == []


def test_documents_are_embedded_and_ordered_by_model_servers(encoding: Encoding) -> None:
    listed = encoding.suite.run("rag", "list", "--json").json["collections"]
    assert [(one["name"], one["model"]) for one in listed] == [("notes", "demo-embed")]
    found = encoding.suite.run("rag", "search", "고래는 어디에 사나요?", "--json").json
    assert found["reranked"] is True
    assert {one["document"] for one in found["hits"]} == set(NOTES)


def test_an_evaluation_has_rows_of_the_reranker_and_names_the_embedding_model(encoding: Encoding) -> None:
    asked = encoding.suite.folder / "set"
    copytree(encoding.suite.folder / "notes", asked / "documents")
    question = {"id": "ko-1", "language": "ko", "kind": "shares-words", "question": "고래는 어디에 사나요?"}
    line = json.dumps(question | {"passages": {"whale.md": "바다에 삽니다"}}, ensure_ascii=False)
    (asked / "questions.jsonl").write_text(line, encoding="utf-8")
    ran = encoding.suite.run("rag", "eval", "--set", "set", "--rerank", "--json")
    assert ran.code == 0, ran.out
    assert ran.json["model"] == "demo-embed"
    recalled = {row["method"]: row["recall_5"] for row in ran.json["rows"] if row["language"] == "ko"}
    assert recalled == dict.fromkeys(("dense", "sparse", "hybrid", "hybrid+rerank"), 1.0)


def test_a_search_goes_on_without_the_reranker_and_says_so(encoding: Encoding) -> None:
    ordered = {hit["document_id"] for hit in encoding.retrieve()["hits"]}
    kill(encoding.suite.services()["inference-rerank"]["pid"])
    without = encoding.retrieve()
    assert without["reranked"] is False
    assert {hit["document_id"] for hit in without["hits"]} == ordered
    wait_for(lambda: encoding.retrieve()["reranked"] is True, 60)


def test_a_collection_of_the_embedding_model_before_is_refused_with_the_command(encoding: Encoding) -> None:
    missing = encoding.up(ONNX)
    assert (missing.code, missing.json["error"]["type"]) == (3, "ModelMissing")
    assert encoding.retrieve()["hits"]  # what runs was left alone
    folder = write_model(encoding.suite.folder / "models" / ONNX.replace("/", "--"))
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    assert encoding.up(ONNX).code == 0
    for words in (["rag", "search", "고래", "--collection", "notes"], ["rag", "index", "notes", "-c", "notes"]):
        refused = encoding.suite.run(*words)
        assert refused.code == 5
        assert "collection 'notes' holds vectors of demo-embed" in refused.err
        assert "aisuite rag rm notes --all" in refused.err
    assert encoding.suite.run("rag", "rm", "notes", "--all").code == 0
    assert encoding.suite.run("rag", "index", "notes", "-c", "notes").code == 0
    listed = encoding.suite.run("rag", "list", "--json").json["collections"]
    models = {one["name"]: (one["model"], one["documents"]) for one in listed}
    assert models == {"notes": (ONNX, len(NOTES)), "evaluation": ("demo-embed", len(NOTES))}
    assert encoding.retrieve()["hits"]


def test_a_broken_reranker_keeps_nobody_from_searching(encoding: Encoding) -> None:
    broken = encoding.suite.folder / "models" / "broken.gguf"
    broken.parent.mkdir(exist_ok=True)
    broken.write_bytes(b"this is not a GGUF file" * 10)
    ran = encoding.up(ONNX, "file: broken.gguf")
    assert (ran.code, ran.json["degraded"]) == (5, True)
    assert ran.json["failures"][0]["message"].startswith("inference-rerank: its model file cannot be loaded")
    assert encoding.suite.services()["rag"]["health"] == "healthy"
    assert encoding.retrieve()["reranked"] is False
