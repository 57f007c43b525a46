"""Values that are fine alone and wrong together."""

import pytest

from tests.unit.profile.conftest import Load, Problems

TINY = "phase: {phase}\nmodels: {{chat: {{source: {{demo: true}}}}}}\nroutes: {{chat-7b: [chat]}}\n"
CARD_LAYERS = "20 layers cannot go to a card: gpu.backend is cpu; write 0 layers, or a backend"
NO_CODE_ROUTE = "rag.code_model asks for 'code-7b', but there is no such route; the routes are: chat-7b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("routes: {chat-7b: [chatt]}", "2: routes.chat-7b[0]: no model 'chatt' (did you mean 'chat'?)"),
        ("routes: {chat-7b: [zzz]}", "2: routes.chat-7b[0]: no model 'zzz'; the models are: chat, code"),
        ("routes: {x: [chat, chat]}", "2: routes.x: names 'chat' 2 times; a second try is `retry.attempts`"),
        ("ports: {rag: 8000}", "2: ports.rag: 8000 is the port of both api-gateway and rag"),
        ("ports: {api-gateway: 8002}", "2: ports.api-gateway: 8002 is the port of both api-gateway and rag"),
        ("ports: {qdrnt: 6000}", "2: ports.qdrnt: no service 'qdrnt' (did you mean 'qdrant'?)"),
        (
            "models: {tiny: {source: {demo: true}}}",
            "models.tiny: has no port: set ports.inference-tiny; only those of chat, code, embed and rerank are usual",
        ),
        (
            "services: {rag: {depends_on: [qdrantt]}}",
            "2: services.rag.depends_on[0]: no service 'qdrantt' runs (did you mean 'qdrant'?)",
        ),
        (
            "services: {qdrant: {depends_on: [rag]}}",
            "2: services.qdrant.depends_on: is a circle: qdrant -> rag -> qdrant",
        ),
        (
            "services: {embedding: {depends_on: [embedding]}}",
            "2: services.embedding.depends_on: is a circle: embedding -> embedding",
        ),
        (
            "services: {rag: {chat_model: chat-8b}}",
            "2: services.rag.chat_model: rag.chat_model asks for 'chat-8b', but there is no such route (did you mean",
        ),
        (
            "services: {qdrant: {enabled: false}}",
            "2: services.qdrant.enabled: rag needs qdrant; enable it, or disable rag",
        ),
        (
            "services: {api-gateway: {enabled: false}}",
            "2: services.api-gateway.enabled: rag needs api-gateway; enable it, or disable rag",
        ),
        (
            "services: {rag: {chunk_size: 100}}",
            "2: services.rag.chunk_size: chunk_overlap (100) must be at most half of chunk_size (100)",
        ),
        (
            "services: {rag: {max_tokens: 1024}}",
            "2: services.rag.max_tokens: answers of rag.max_tokens (1024) leave no room for a question: "
            "model 'chat' has 1024 tokens for each request (context 1024, parallel 1)",
        ),
        ("gpu: {reserve: 6GiB}", "2: gpu.reserve: a reserve of 6GiB in a budget of 6GiB leaves nothing for the models"),
        (
            "models: {chat: {device: 1}}",
            "2: models.chat.device: card 1 is not in gpu.devices, which is nothing; add it there, or write auto",
        ),
        (
            "gpu: {devices: [0, 2]}\nmodels: {chat: {device: 1}}",
            "3: models.chat.device: card 1 is not in gpu.devices, which is 0, 2; add it there, or write auto",
        ),
        (
            "gpu: {backend: cpu}\nmodels: {code: {gpu_layers: 20}}",
            f"3: models.code.gpu_layers: {CARD_LAYERS}",
        ),
        (
            "models: {chat: {kv_type: q8_0, flash_attention: 'off'}}",
            "llama.cpp takes kv_type q8_0 only with flash attention; write f16, or auto",
        ),
        (
            "models: {chat: {context_min: 2048}}",
            "2: models.chat.context_min: context_min (2048) is more than context (1024)",
        ),
        (
            "models: {chat: {parallel_min: 2}}",
            "2: models.chat.parallel_min: parallel_min (2) is more than parallel (1)",
        ),
        (
            "models: {chat: {context_min: 256}}",
            "model 'chat' has 256 tokens for each request (context 256, parallel 1)",
        ),
        ("models: {chat: {source: {repo: a/b}}}", "2: models.chat.source: needs `repo` and `file`, or `demo: true`"),
        ("models: {chat: {source: {demo: true, file: a.gguf}}}", "names a file and says `demo: true`"),
        (
            "retry: {qdrant_min_wait: 11s}",
            "2: retry.qdrant_min_wait: qdrant_min_wait (11s) is more than qdrant_max_wait (10s)",
        ),
        (
            "services: {embedding: {backend: hash, model: x/e5}}",
            "2: services.embedding.model: 'x/e5' is no model of backend hash, which has hash-384",
        ),
        ("services: {embedding: {backend: fastembed}}", "backend fastembed needs the name of a model"),
        (
            "services: {embedding: {backend: fastembed, model: hash-384}}",
            "backend fastembed needs the name of a model",
        ),
        ("models: {embde: null}", "2: models.embde: "),
        (
            "services: {embedding: {backend: llamacpp, model: chta}}",
            "2: services.embedding.model: no model 'chta' (did you mean 'chat'?)",
        ),
        (
            "services: {embedding: {backend: llamacpp, model: chat}}",
            "model 'chat' serves chat; write `serves: embedding`",
        ),
        (
            "services: {rag: {reranker: chat}}",
            "2: services.rag.reranker: model 'chat' serves chat; write `serves: rerank`",
        ),
        ("services: {embedding: {queue: 9}}", "queue (9) cannot hold a request of max_texts (1024)"),
        ("models: {code: {serves: embedding}}", "model 'code' serves embedding, so no route can lead to it"),
        ("timeouts: {connect: 2m}", "2: timeouts.connect: connect (120s) is more than request (60s)"),
    ],
)
def test_a_conflict_is_refused(problems: Problems, text: str, expected: str) -> None:
    found = problems(f"extends: phase2\n{text}\n")
    assert expected in found[0]
    assert found[0].startswith(("my.yaml:2: ", "my.yaml:3: "))


def test_all_layers_on_the_cpu_are_no_conflict(load: Load) -> None:
    assert load(name="phase2-cpu", sets=("models.chat.gpu_layers=all", "models.code.gpu_layers=auto")).warnings == ()


def test_the_routes_of_rag_matter_only_where_rag_runs(load: Load, problems: Problems) -> None:
    assert load(TINY.format(phase=1)).profile.phase == 1
    assert (
        load(TINY.format(phase=2) + "services: {rag: {enabled: false}, qdrant: {enabled: false}}\n").profile.phase == 2
    )
    assert problems(TINY.format(phase=2)) == [f"my.yaml:3: routes: {NO_CODE_ROUTE}"]


def test_services_of_a_later_phase_may_have_ports(load: Load) -> None:
    assert load(TINY.format(phase=1) + "ports: {rag: 8000}\n").profile.ports["rag"] == 8000


def test_a_privileged_port_is_the_owners_choice(load: Load) -> None:
    assert load(sets=("ports.api-gateway=80",)).profile.ports["api-gateway"] == 80


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5"])
def test_listening_on_the_network_is_a_warning(load: Load, address: str) -> None:
    assert load(sets=(f"bind='{address}'",)).warnings == (
        f"bind is {address}: every service can be reached from outside this machine",
    )
    assert load(sets=("bind='::1'",)).warnings == ()


def test_a_model_without_a_route_is_a_warning(load: Load) -> None:
    loaded = load(sets=("routes.chat-7b=[chat]", "routes.code-7b=[chat]"))
    assert loaded.warnings == ("model 'code' is in no route: no client can ask for it",)


def test_a_model_that_serves_no_chat_needs_no_route(load: Load) -> None:
    encoder = "{source: {demo: true}, serves: embedding, gpu_layers: 0}"
    settings = "{backend: llamacpp, model: embed}"
    loaded = load(f"extends: phase2\nmodels: {{embed: {encoder}}}\nservices: {{embedding: {settings}}}\n")
    assert loaded.warnings == ()


def test_a_model_server_that_no_service_asks_is_a_warning_with_what_to_write(load: Load) -> None:
    (warning,) = load(environ={"EMBEDDING_MODEL": "hash-384"}).warnings
    assert warning.startswith("model 'embed' serves embedding, and no service asks for it")
    assert load("extends: phase2\nmodels: {embed: null}\nservices: {embedding: {model: hash-384}}\n").warnings == ()


def test_an_embedding_model_for_english_is_a_warning(load: Load) -> None:
    (warning,) = load(name="phase2-cpu", environ={"EMBEDDING_MODEL": "BAAI/bge-small-en-v1.5"}).warnings
    assert "English only" in warning


def test_a_local_file_needs_no_repository(load: Load) -> None:
    source = load("extends: phase2\nmodels: {chat: {source: {file: mine.gguf}}}\n").profile.models["chat"].source
    assert (source.repo, source.file) == (None, "mine.gguf")


@pytest.mark.parametrize("cards", ["auto", "[0, 1]"])
def test_a_model_may_be_on_any_card_of_the_profile(load: Load, cards: str) -> None:
    found = load(f"extends: phase2\ngpu: {{devices: {cards}}}\nmodels: {{chat: {{device: 1}}}}\n").profile
    assert found.models["chat"].device == 1
