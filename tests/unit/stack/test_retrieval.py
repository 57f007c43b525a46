from __future__ import annotations

from typing import Any

import pytest

from aisuite.stack.model import Stack
from aisuite.stack.onnx import ONNX_MODELS
from tests.fakes.profiles import ENGINES, make_profile, make_resolved


def environment(engine: Any, service: str, **changes: Any) -> dict[str, str]:
    return dict(make_resolved(engine, **changes).service(service).environment)


def test_a_local_vector_store_is_our_own_server_with_a_folder() -> None:
    service = make_resolved().service("qdrant")
    assert service.command == ("/opt/aisuite/bin/python", "-m", "aisuite.services.vectordb")
    assert service.data == "/srv/aisuite/.aisuite/default/data/qdrant"
    assert dict(service.environment)["VECTORDB_DATA_DIR"] == service.data


def test_a_vector_store_in_a_container_is_qdrant_with_volumes() -> None:
    service = make_resolved("docker").service("qdrant")
    assert service.image == "qdrant/qdrant:v1.17.0"
    assert [volume.target for volume in service.volumes] == ["/qdrant/storage", "/qdrant/snapshots"]
    assert service.data is None


def test_qdrant_is_checked_by_its_listening_socket() -> None:
    check = make_resolved("docker").service("qdrant").healthcheck
    assert ":18BD " in check[3]
    assert " 0A " in check[3]


def test_qdrant_gets_its_key_and_may_read_a_file_of_another_user() -> None:
    service = make_resolved("docker").service("qdrant")
    assert service.entrypoint is not None
    assert 'QDRANT__SERVICE__API_KEY="$(cat /run/secrets/service_key)"' in service.entrypoint[2]
    assert service.capabilities == ("DAC_OVERRIDE",)


def test_data_of_the_profile_stands() -> None:
    assert make_resolved(paths={"data": "/mnt/data"}).service("qdrant").data == "/mnt/data/qdrant"
    assert make_resolved(paths={"data": "kept"}).service("qdrant").data == "/srv/aisuite/kept/qdrant"


@pytest.mark.parametrize(
    ("engine", "urls"),
    [
        ("process", ("http://127.0.0.1:8000", "http://127.0.0.1:8003", "http://127.0.0.1:6333")),
        ("docker", ("http://api-gateway:8000", "http://embedding:8003", "http://qdrant:6333")),
    ],
)
def test_rag_reaches_what_it_needs(engine: Any, urls: tuple[str, ...]) -> None:
    found = environment(engine, "rag")
    assert tuple(found[name] for name in ("API_GATEWAY_URL", "EMBEDDING_URL", "QDRANT_URL")) == urls


@pytest.mark.parametrize("engine", ENGINES)
def test_rag_gets_its_own_key_and_the_gateways(engine: Any) -> None:
    uses = {use.variable: use.secret for use in make_resolved(engine).service("rag").secrets if use.as_file}
    assert uses == {"SERVICE_API_KEY_FILE": "service_key", "API_GATEWAY_KEY_FILE": "gateway_key"}


def test_rag_may_use_the_smallest_slot_behind_its_routes() -> None:
    models = {
        "chat": {"source": {"demo": True}, "gpu_layers": 0, "context": 8192, "parallel": 2},
        "code": {"source": {"demo": True}, "gpu_layers": 0, "context": 3000},
    }
    assert environment("process", "rag", models=models)["RAG_CONTEXT_TOKENS"] == "3000"
    only_chat = {"chat-7b": ["chat"], "code-7b": ["chat"]}
    assert environment("process", "rag", models=models, routes=only_chat)["RAG_CONTEXT_TOKENS"] == "4096"


def test_documents_are_read_where_they_lie_or_from_a_read_only_mount() -> None:
    services = {"rag": {"documents": "papers"}}
    assert environment("process", "rag", services=services)["RAG_DOCUMENTS_DIR"] == "/srv/aisuite/papers"
    assert environment("docker", "rag", services=services)["RAG_DOCUMENTS_DIR"] == "/documents"
    _, mount = make_resolved("docker", services=services).service("rag").mounts
    assert (mount.source, mount.target, mount.read_only) == ("/srv/aisuite/papers", "/documents", True)


def test_without_documents_rag_reads_no_folder() -> None:
    assert "RAG_DOCUMENTS_DIR" not in environment("process", "rag")
    (data,) = make_resolved("docker").service("rag").mounts
    assert data.target == "/data"


def test_rag_writes_into_its_own_data_folder_on_both_engines() -> None:
    for engine, inside in (("process", "/srv/aisuite/.aisuite/default/data/rag"), ("docker", "/data")):
        rag = make_resolved(engine).service("rag")
        assert rag.data == "/srv/aisuite/.aisuite/default/data/rag"
        assert rag.state.databases == (f"{rag.data}/rag.db",)
        assert dict(rag.environment)["RAG_DATA_DIR"] == inside


def test_our_services_take_their_address_from_the_environment() -> None:
    found = environment("process", "embedding", ports={"embedding": 9003})
    assert (found["SERVICE_HOST"], found["SERVICE_PORT"]) == ("127.0.0.1", "9003")
    found = environment("docker", "embedding", ports={"embedding": 9003})
    assert (found["SERVICE_HOST"], found["SERVICE_PORT"]) == ("0.0.0.0", "8003")


def test_a_sick_dependency_does_not_make_the_container_of_rag_sick() -> None:
    stack = make_resolved("docker")
    assert stack.service("rag").ready_path == "/health"
    assert "/livez" in stack.service("rag").healthcheck[-1]
    assert "/health" in stack.service("embedding").healthcheck[-1]


ENCODER = {"source": {"repo": "someone/qwen", "file": "Qwen3-Embedding-0.6B-Q8_0.gguf"}, "gpu_layers": 0}
CHAT = {"source": {"repo": "someone/chat", "file": "chat.gguf"}, "gpu_layers": 0}
ONE_ROUTE = {"chat-7b": ["chat"], "code-7b": ["chat"]}


def with_encoder(engine: Any) -> Stack:
    embed = ENCODER | {"serves": "embedding", "pooling": "last", "context": 4096, "parallel": 2}
    services = {"embedding": {"backend": "llamacpp", "model": "embed"}}
    return make_resolved(engine, models={"chat": CHAT, "embed": embed}, routes=ONE_ROUTE, services=services)


@pytest.mark.parametrize(
    ("engine", "url"), [("process", "http://127.0.0.1:8006"), ("docker", "http://inference-embed:8001")]
)
def test_the_embedding_service_asks_a_model_server_of_the_stack(engine: Any, url: str) -> None:
    stack = with_encoder(engine)
    service = stack.service("embedding")
    found = dict(service.environment)
    assert (found["EMBEDDING_BACKEND"], found["EMBEDDING_LLAMA_URL"]) == ("llamacpp", url)
    assert found["EMBEDDING_MODEL"] == "Qwen3-Embedding-0.6B-Q8_0"
    assert found["EMBEDDING_LLAMA_KEY_FILE"].endswith("/secrets/service_key")
    assert [(one.service, one.required) for one in service.depends_on] == [("inference-embed", True)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_that_serves_embedding_sees_a_whole_text_at_once(engine: Any) -> None:
    words = with_encoder(engine).service("inference-embed").command
    options = {word: words[place + 1] for place, word in enumerate(words[:-1])}
    assert "--embedding" in words
    assert (options["--pooling"], options["-b"], options["-ub"], options["-c"]) == ("last", "2048", "2048", "4096")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_gateway_neither_waits_for_nor_asks_a_model_that_serves_embedding(engine: Any) -> None:
    stack = with_encoder(engine)
    assert [one.service for one in stack.service("api-gateway").depends_on] == ["inference-chat"]
    assert {target.model for route in stack.routes for target in route.targets} == {"chat"}


@pytest.mark.parametrize(("engine", "path"), [("process", "/srv/aisuite/models/e5"), ("docker", "/model")])
def test_a_folder_of_an_onnx_model_is_read_where_it_is(engine: Any, path: str) -> None:
    services = {"embedding": {"model": "local/e5", "folder": "models/e5", "query_prefix": "none", "threads": 2}}
    service = make_resolved(engine, services=services).service("embedding")
    found = dict(service.environment)
    assert (found["EMBEDDING_BACKEND"], found["EMBEDDING_MODEL_PATH"]) == ("fastembed", path)
    assert (found["EMBEDDING_QUERY_PREFIX"], found["EMBEDDING_THREADS"]) == ("none", "2")
    assert found["EMBEDDING_DOWNLOAD"] == "false"
    assert service.data is None


def test_a_container_that_runs_an_onnx_model_has_an_image_of_its_own() -> None:
    stack = make_resolved("docker", services={"embedding": {"model": "local/e5", "folder": "models/e5"}})
    assert stack.service("embedding").image == f"{stack.service('rag').image}-fastembed"
    assert make_resolved("docker").service("embedding").image == stack.service("rag").image


def test_an_image_of_a_registry_is_taken_as_it_is_called() -> None:
    stack = make_resolved(
        "docker",
        images={"service": "ghcr.io/team/services:2"},
        services={"embedding": {"model": "local/e5", "folder": "models/e5"}},
    )
    assert stack.service("embedding").image == "ghcr.io/team/services:2"


def test_a_downloaded_model_is_kept_in_the_data_folder() -> None:
    services = {"embedding": {"model": "intfloat/multilingual-e5-small", "download": True}}
    local, contained = (
        make_resolved(engine, services=services).service("embedding") for engine in ("process", "docker")
    )
    folder = "/srv/aisuite/.aisuite/default/data/embedding"
    assert local.data == contained.data == folder == dict(local.environment)["EMBEDDING_CACHE_DIR"]
    assert dict(contained.environment)["EMBEDDING_CACHE_DIR"] == "/data"
    assert [(mount.source, mount.target, mount.read_only) for mount in contained.mounts] == [(folder, "/data", False)]


@pytest.mark.parametrize(
    ("engine", "url"), [("process", "http://127.0.0.1:8007"), ("docker", "http://inference-rerank:8001")]
)
def test_rag_asks_the_reranker_that_the_profile_names_and_starts_without_it(engine: Any, url: str) -> None:
    models = {"chat": CHAT, "rerank": ENCODER | {"serves": "rerank"}}
    stack = make_resolved(engine, models=models, routes=ONE_ROUTE, services={"rag": {"reranker": "rerank"}})
    service = stack.service("rag")
    assert dict(service.environment)["RERANKER_URL"] == url
    assert "inference-rerank" not in {one.service for one in service.depends_on}
    assert "--rerank" in stack.service("inference-rerank").command
    assert "RERANKER_URL" not in environment(engine, "rag")


def test_rag_is_told_of_thresholds_only_where_the_owner_sets_them() -> None:
    assert not {"RAG_MIN_SCORE", "RAG_MIN_SUPPORT"} & set(environment("process", "rag"))
    set_ones = environment("process", "rag", services={"rag": {"min_score": 0.8, "min_support": 0}})
    assert (set_ones["RAG_MIN_SCORE"], set_ones["RAG_MIN_SUPPORT"]) == ("0.8", "0")


E5 = {"embedding": {"model": "intfloat/multilingual-e5-small"}}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_known_onnx_model_lies_in_the_folder_of_models_and_its_files_are_named(engine: Any) -> None:
    stack = make_resolved(engine, services=E5)
    folder = "/srv/aisuite/models/intfloat--multilingual-e5-small"
    inside = "/model" if engine == "docker" else folder
    assert dict(stack.service("embedding").environment)["EMBEDDING_MODEL_PATH"] == inside
    files = [one for one in stack.models if one.service == "embedding"]
    assert [str(one.path) for one in files] == [
        f"{folder}/{name}"
        for name in (
            "config.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "onnx/model.onnx",
        )
    ]
    assert {one.repo for one in files} == {"intfloat/multilingual-e5-small"}
    assert len({one.model for one in stack.models}) == len(stack.models)


@pytest.mark.parametrize("settings", [{"folder": "mine"}, {"download": True}, {"enabled": False}])
def test_files_are_named_only_where_aisuite_is_to_fetch_them(settings: dict[str, Any]) -> None:
    services = {"embedding": E5["embedding"] | settings, "rag": {"enabled": False}}
    assert {one.service for one in make_resolved(services=services).models} == {"inference-chat", "inference-code"}


def test_fastembed_reads_the_listed_models_from_the_same_repositories() -> None:
    from fastembed import TextEmbedding

    listed = {str(one["model"]): one for one in TextEmbedding.list_supported_models()}
    for name, model in ONNX_MODELS.items():
        if name in listed:
            assert (listed[name]["sources"]["hf"], listed[name]["model_file"]) == (model.repo, model.weights)
        else:
            assert name == "intfloat/multilingual-e5-small"


@pytest.mark.parametrize(("engine", "image"), [("docker", "llama"), ("process", None)])
def test_an_encoder_of_no_layers_gets_no_card_beside_models_that_do(engine: Any, image: str | None) -> None:
    models = {"chat": CHAT | {"gpu_layers": "all"}, "embed": ENCODER | {"serves": "embedding"}}
    services = {"embedding": {"model": "embed"}}
    stack = make_resolved(engine, gpu={"backend": "cuda"}, models=models, routes=ONE_ROUTE, services=services)
    chat, encoder = stack.service("inference-chat"), stack.service("inference-embed")
    assert (chat.gpu, encoder.gpu) == (True, False)
    if image is None:
        shown = [dict(one.environment)["CUDA_VISIBLE_DEVICES"] for one in (chat, encoder)]
        assert shown == ["0", "-1"]
    else:
        assert chat.image != encoder.image == make_profile().images.llama
