import re
from pathlib import Path

import pytest

from aisuite.profile.dotenv import parse_dotenv
from aisuite.profile.effective import effective_variables, flatten
from aisuite.profile.env_example import render_env_example
from aisuite.profile.environment import COMMAND_LINE, UNUSED, VARIABLES
from tests.unit.profile.conftest import Load, Problems

ROOT = Path(__file__).parents[3]
# The names are an interface: users have them in their .env files.
PROMISED = """
HOST API_GATEWAY_PORT INFERENCE_PORT RAG_PORT EMBEDDING_PORT MCP_PORT CHAT_MODEL CODE_MODEL MODELS_DIR DATA_DIR
LLM_REQUEST_TIMEOUT LLM_CONNECT_TIMEOUT RAG_LLM_TIMEOUT QDRANT_TIMEOUT EMBEDDING_TIMEOUT QDRANT_MAX_RETRIES
QDRANT_RETRY_MIN_WAIT QDRANT_RETRY_MAX_WAIT CHAT_N_GPU_LAYERS CODE_N_GPU_LAYERS LLAMA_N_GPU_LAYERS LLAMA_PARALLEL
LLAMA_TEMP LLAMA_TOP_P LLAMA_REPEAT_PENALTY RAG_LLM_MAX_TOKENS RAG_LLM_TEMPERATURE RAG_TOPK RAG_CHUNK_SIZE
RAG_CHUNK_OVERLAP EMBEDDING_MODEL API_GATEWAY_CHAT_MODEL API_GATEWAY_CODE_MODEL API_GATEWAY_URL QDRANT_URL
EMBEDDING_URL INFERENCE_CHAT_URL INFERENCE_CODE_URL RBAC_ENABLED SECURITY_DB_PATH SANDBOX_ENABLED RATE_LIMIT_ENABLED
APPROVAL_WORKFLOW_ENABLED APPROVAL_TIMEOUT APPROVAL_MAX_PENDING EMAIL_FROM EMAIL_TO NOTIFICATION_ENABLED
"""
DEFAULTS = {
    "CHAT_N_GPU_LAYERS": "999",
    "CODE_N_GPU_LAYERS": "auto",
    "LLM_REQUEST_TIMEOUT": "60",
    "LLM_CONNECT_TIMEOUT": "10",
    "RAG_LLM_TIMEOUT": "120",
    "QDRANT_TIMEOUT": "30",
    "EMBEDDING_TIMEOUT": "30",
    "QDRANT_MAX_RETRIES": "3",
    "QDRANT_RETRY_MIN_WAIT": "2",
    "QDRANT_RETRY_MAX_WAIT": "10",
    "LLAMA_PARALLEL": "1",
    "LLAMA_TEMP": "0.3",
    "LLAMA_TOP_P": "0.9",
    "LLAMA_REPEAT_PENALTY": "1.05",
    "RAG_LLM_MAX_TOKENS": "256",
    "RAG_LLM_TEMPERATURE": "0.3",
    "RAG_TOPK": "4",
    "RAG_CHUNK_SIZE": "512",
    "RAG_CHUNK_OVERLAP": "100",
    "API_GATEWAY_CHAT_MODEL": "chat-7b",
    "API_GATEWAY_CODE_MODEL": "code-7b",
}
# A value other than the default, valid for the kind of each variable.
OTHER = {
    "AISUITE_ENGINE": "docker",
    "LLAMA_PARALLEL": "2",
    "LLM_REQUEST_TIMEOUT": "30",
    "RAG_CHUNK_SIZE": "300",
    "HOST": "127.0.0.2",
    "CHAT_MODEL": "other.gguf",
    "CODE_MODEL": "other.gguf",
    "MODELS_DIR": "elsewhere",
    "DATA_DIR": "elsewhere",
    "LLAMA_TEMP": "0.7",
    "LLAMA_TOP_P": "0.5",
    "LLAMA_REPEAT_PENALTY": "1.5",
    "RAG_LLM_TEMPERATURE": "0.7",
    "API_GATEWAY_CHAT_MODEL": "code-7b",
    "API_GATEWAY_CODE_MODEL": "chat-7b",
    "EMBEDDING_MODEL": "other",
}


def test_every_promised_name_has_its_place() -> None:
    assert set(PROMISED.split()) <= {variable.name for variable in VARIABLES} | UNUSED.keys()


def test_no_name_stands_in_two_tables() -> None:
    names = [variable.name for variable in VARIABLES] + list(UNUSED) + list(COMMAND_LINE)
    assert len(names) == len(set(names))


def test_the_usual_values_are_the_promised_ones(load: Load) -> None:
    assert effective_variables(load(name="phase2").profile).items() >= DEFAULTS.items()


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_sets_the_keys_it_names_and_no_others(load: Load, variable: object) -> None:
    name, path = variable.name, variable.path  # type: ignore[attr-defined]
    alone = "extends: phase2\nmodels: {embed: null}\nservices: {embedding: {model: hash-384}}\n"
    changed = load(alone, environ={name: OTHER.get(name, "9")})
    before, after = flatten(load(alone).profile), flatten(changed.profile)
    keys = {re.sub(r"^models\.(chat|code)\.", "models.*.", key) for key in after if after[key] != before[key]}
    assert keys == {re.sub(r"^models\.(chat|code)\.", "models.*.", ".".join(path))}
    assert effective_variables(changed.profile)[name] == OTHER.get(name, "9")
    assert changed.warnings == ()


def test_setting_what_is_effective_changes_nothing(load: Load) -> None:
    before = load().profile
    assert flatten(load(environ=effective_variables(before)).profile) == flatten(before)


def test_an_empty_value_counts_as_not_set(load: Load) -> None:
    loaded = load(environ={variable.name: "" for variable in VARIABLES}, dotenv="CHAT_MODEL=\n")
    assert (loaded.profile, loaded.warnings) == (load().profile, ())


def test_a_variable_for_all_models_reaches_each_that_chats(load: Load) -> None:
    models = load(environ={"LLAMA_PARALLEL": "3", "LLAMA_N_GPU_LAYERS": "7"}).profile.models
    assert [(model.parallel, model.gpu_layers) for model in models.values()] == [(3, 7), (3, 7), (2, 0)]


def test_999_layers_are_all_layers(load: Load) -> None:
    assert load(environ={"CODE_N_GPU_LAYERS": "999"}).profile.models["code"].gpu_layers == "all"


def test_a_new_file_is_not_held_to_the_old_digest(load: Load) -> None:
    own = f"extends: phase2\nmodels: {{chat: {{source: {{file: a.gguf, sha256: {'0' * 64}}}}}}}\n"
    assert load(own, environ={"CHAT_MODEL": "a.gguf"}).profile.models["chat"].source.sha256 == "0" * 64
    assert load(own, environ={"CHAT_MODEL": "b.gguf"}).profile.models["chat"].source.sha256 is None
    assert load(own, sets=("models.chat.source.file=b.gguf",)).profile.models["chat"].source.sha256 is None


@pytest.mark.parametrize(
    ("profile", "name", "reason"),
    [
        ("demo", "CHAT_MODEL", "the model 'chat' of this profile is a demo model"),
        ("demo", "CODE_N_GPU_LAYERS", "gpu.backend is cpu"),
        ("phase2-cpu", "LLAMA_N_GPU_LAYERS", "gpu.backend is cpu"),
        ("phase1", "CODE_MODEL", "the profile has no model 'code'"),
        ("phase1", "INFERENCE_CODE_PORT", "the profile has no model 'code'"),
    ],
)
def test_a_variable_that_cannot_mean_this_profile_is_left_out_aloud(
    load: Load, profile: str, name: str, reason: str
) -> None:
    loaded = load(name=profile, environ={name: OTHER.get(name, "9")})
    assert loaded.warnings == (f"environment {name} is not used: {reason}",)
    assert loaded.profile == load(name=profile).profile


def test_a_flag_decides_whether_there_is_a_card(load: Load) -> None:
    loaded = load(name="phase2-cpu", environ={"CODE_N_GPU_LAYERS": "5"}, sets=("gpu.backend=cuda",))
    assert (loaded.profile.models["code"].gpu_layers, loaded.warnings) == (5, ())


def test_names_without_effect_are_reported_with_a_reason(load: Load) -> None:
    loaded = load(environ={"QDRANT_URL": "x", "PATH": "x"}, dotenv="MCP_PORT=1\nAISUITE_PROJECT=x\nPGPORT=1\n")
    assert [(one.name, one.origin.where, one.reason) for one in loaded.unused] == [
        ("MCP_PORT", ".env:1 MCP_PORT", "the service that reads it comes with a later version"),
        ("AISUITE_PROJECT", ".env:2 AISUITE_PROJECT", "it is read from the environment only, not from a file"),
        ("QDRANT_URL", "environment QDRANT_URL", "aisuite tells its services their addresses itself"),
    ]


def test_a_misspelled_name_in_dotenv_is_a_warning(load: Load) -> None:
    loaded = load(dotenv="CHAT_N_GPU_LAYER=3\nDATABASE_URL=x\n")
    assert loaded.warnings == (".env:1 CHAT_N_GPU_LAYER is no name of aisuite (did you mean 'CHAT_N_GPU_LAYERS'?)",)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CHAT_N_GPU_LAYERS", "many", "'many' is not a number of layers; write all, 999 (the same), or a number"),
        ("CHAT_N_GPU_LAYERS", "-1", "must be at least 0, not -1"),
        ("RAG_PORT", "80 80", "'80 80' is not a whole number"),
        ("RAG_PORT", "0", "0 is not a port; ports are 1 to 65535"),
        ("LLAMA_TEMP", "hot", "'hot' is not a number"),
        ("LLAMA_TEMP", "nan", "'nan' is not a number"),
        ("LLM_REQUEST_TIMEOUT", "soon", '\'soon\' is not a duration; write for example "60s" or "2m"'),
        (
            "CHAT_MODEL",
            "/models/a.gguf",
            "'/models/a.gguf' is not the name of a .gguf file; the folder is paths.models",
        ),
        (
            "API_GATEWAY_CHAT_MODEL",
            "chat-8b",
            "rag.chat_model asks for 'chat-8b', but there is no such route (did you mean 'chat-7b'?)",
        ),
        ("API_GATEWAY_PORT", "8002", "8002 is the port of both api-gateway and rag"),
        ("RAG_CHUNK_SIZE", "50", "chunk_overlap (100) must be at most half of chunk_size (50)"),
    ],
)
def test_a_wrong_value_is_reported_by_the_variables_name(
    problems: Problems, name: str, value: str, message: str
) -> None:
    assert problems(environ={name: value}) == [f"environment: {name}: {message}"]
    assert problems(dotenv=f"\n{name}={value}\n") == [f".env:2: {name}: {message}"]


def test_the_committed_example_is_the_one_that_the_table_gives() -> None:
    assert (ROOT / ".env.example").read_text() == render_env_example()


def test_the_example_changes_nothing_as_it_is_and_nothing_with_every_line_active(load: Load) -> None:
    text = render_env_example()
    assert parse_dotenv(text, ".env") == ((), ())
    active = re.sub(r"^# (?=[A-Z_]+=)", "", text, flags=re.MULTILINE)
    assignments, problems = parse_dotenv(active, ".env")
    assert problems == ()
    assert {one.name for one in assignments} == {variable.name for variable in VARIABLES}
    assert flatten(load(dotenv=active).profile) == flatten(load(dotenv="").profile)
