"""The fastembed backend on a tiny model in a folder, with no network."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import pytest
from starlette.testclient import TestClient

from aisuite.services.common import StartError
from aisuite.services.embedding.backend import Backend, Embedded, ModelUnready
from aisuite.services.embedding.backends import choose_backend
from aisuite.services.embedding.settings import EmbeddingSettings
from tests.services.embedding.onnx_model import LONGEST, WIDTH, write_model

MakeClient = Callable[..., TestClient]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def settings(name: str, folder: Path | None, **changed: object) -> EmbeddingSettings:
    return EmbeddingSettings.model_validate(
        {
            "service_port": 1,
            "service_api_key_file": "key",
            "embedding_backend": "fastembed",
            "embedding_model": name,
            "embedding_model_path": folder,
            **changed,
        }
    )


@pytest.fixture(scope="module")
def backend(folder: Path) -> Backend:
    return choose_backend(settings("tiny", folder))()


def embed(backend: Backend, *texts: str) -> Embedded:
    return backend.embed(texts)


def test_a_folder_is_all_that_a_model_needs(backend: Backend) -> None:
    assert (backend.card.dim, backend.card.max_tokens, backend.card.backend) == (WIDTH, LONGEST, "fastembed")
    for vector in embed(backend, "the cat", "고양이").vectors:
        assert math.sqrt(sum(value * value for value in vector)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "weights", "query", "passage"),
    [
        ("intfloat/multilingual-e5-small", "onnx/model.onnx", "query: ", "passage: "),
        ("BAAI/bge-small-en-v1.5", "model_optimized.onnx", "Represent this sentence", ""),
    ],
)
def test_a_folder_as_models_pull_leaves_it_is_read(
    folder: Path, tmp_path: Path, name: str, weights: str, query: str, passage: str
) -> None:
    for beside in ("config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"):
        copyfile(folder / beside, tmp_path / beside)
    (tmp_path / weights).parent.mkdir(exist_ok=True)
    copyfile(folder / "model.onnx", tmp_path / weights)
    card = choose_backend(settings(name, tmp_path))().card
    assert (card.model, card.dim, card.max_tokens) == (name, WIDTH, LONGEST)
    assert card.query_prefix.startswith(query)
    assert card.passage_prefix == passage


def test_a_text_has_one_vector_whatever_it_is_batched_with(backend: Backend) -> None:
    alone = embed(backend, "the cat").vectors[0]
    among = embed(backend, "sea " * 9, "the cat", "dog").vectors[1]
    assert among == pytest.approx(alone, abs=1e-5)


def test_what_the_model_cuts_off_is_told(backend: Backend) -> None:
    exactly, longer = " ".join(["cat"] * (LONGEST - 2)), " ".join(["cat"] * (LONGEST - 1))
    embedded = embed(backend, "dog", longer, exactly)
    assert embedded.truncated == (1,)
    assert embedded.tokens == [3, LONGEST, LONGEST]


def test_a_limit_of_ours_below_the_model_s_holds(folder: Path) -> None:
    backend = choose_backend(settings("tiny-8", folder, embedding_max_tokens=8))()
    assert backend.card.max_tokens == 8
    assert embed(backend, " ".join(["cat"] * 7)).truncated == (0,)


def test_queries_and_passages_get_the_prefixes_of_the_model(make_client: MakeClient, folder: Path) -> None:
    name = "local/e5-tiny"
    chosen = {"embedding_backend": "fastembed", "embedding_model": name, "embedding_model_path": folder}
    with make_client(**chosen) as client:
        (card,) = wait_for_model(client)
        texts = [("cat", "query"), ("query: cat", "passage"), ("cat", "passage"), ("passage: cat", "query")]
        vectors = [
            client.post("/embed", json={"texts": [text], "kind": kind}).json()["embeddings"][0] for text, kind in texts
        ]
        rows = client.post("/v1/embeddings", json={"model": name, "input": "cat", "input_type": "query"}).json()["data"]
    assert (card["query_prefix"], card["passage_prefix"]) == ("query: ", "passage: ")
    assert vectors[0] != vectors[2]
    assert rows[0]["embedding"] == vectors[0]


def test_truncated_texts_are_numbered_in_the_answer(make_client: MakeClient, folder: Path) -> None:
    name = "local/short"
    with make_client(embedding_backend="fastembed", embedding_model=name, embedding_model_path=folder) as client:
        wait_for_model(client)
        texts = ["cat", "cat " * 40]
        own = client.post("/embed", json={"texts": texts}).json()
        openai = client.post("/v1/embeddings", json={"model": name, "input": texts}).json()
        shown = client.get("/metrics").text
    assert own["truncated"] == openai["truncated"] == [1]
    assert own["tokens"] == openai["usage"]["prompt_tokens"] == 3 + LONGEST
    assert "embedding_truncated_texts_total 2.0" in shown


def test_a_folder_without_a_model_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"holds none of onnx/model\.onnx"):
        choose_backend(settings("other", tmp_path))


@pytest.mark.parametrize("missing", ["tokenizer.json", "config.json"])
def test_a_folder_that_lacks_a_file_is_refused_at_the_start(tmp_path: Path, missing: str) -> None:
    (write_model(tmp_path) / missing).unlink()
    with pytest.raises(StartError, match=f"holds no {missing}"):
        choose_backend(settings("lacking", tmp_path))


def test_a_broken_model_is_not_ready_and_says_why(tmp_path: Path) -> None:
    (write_model(tmp_path) / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelUnready, match="broken cannot be loaded"):
        choose_backend(settings("broken", tmp_path))()


def test_a_model_that_fastembed_does_not_list_needs_a_folder() -> None:
    with pytest.raises(StartError, match="EMBEDDING_MODEL_PATH"):
        choose_backend(settings("nobody/nothing", None))


def test_nothing_is_downloaded_unless_that_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="EMBEDDING_DOWNLOAD=true"):
        choose_backend(settings("BAAI/bge-small-en-v1.5", None))
    with pytest.raises(ModelUnready, match="cannot be loaded"):
        choose_backend(settings("BAAI/bge-small-en-v1.5", None, embedding_cache_dir=tmp_path))()


def wait_for_model(client: TestClient) -> list[dict[str, object]]:
    """Ask until the model is loaded; each try lets the loading go on."""
    for _ in range(2000):
        answer = client.get("/models")
        if answer.status_code == 200:
            models: list[dict[str, object]] = answer.json()["models"]
            return models
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
    raise AssertionError(f"the model was never loaded: {client.get('/health').text}")


def test_tokens_are_counted_beyond_the_limit_as_the_model_sees_them(backend: Backend) -> None:
    short, long = backend.count(["the cat", "sea " * 3 * LONGEST])
    assert short == embed(backend, "the cat").tokens[0]
    assert long > LONGEST
