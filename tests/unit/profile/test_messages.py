"""One wrong value each: the message says what was given and what is wanted."""

import pytest

from aisuite.profile.model import Images
from tests.unit.profile.conftest import Problems

NOT_A_SIZE = 'is not a size; write it with a unit, for example "6GiB" or "512MiB"'


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("phase=4", "phase: must be 1, 2 or 3, not 4"),
        ("phase='2'", "phase: must be 1, 2 or 3, not '2'"),
        ("phase=true", "phase: must be 1, 2 or 3, not True"),
        ("engine=podman", "engine: must be 'auto', 'process' or 'docker', not 'podman'"),
        ("bind=localhost", "bind: 'localhost' is not an IP address; write for example 127.0.0.1 or ::1"),
        ("bind=127", "bind: 127 is not an IP address; write for example 127.0.0.1 or ::1"),
        ("bind='::1%eth0'", "bind: '::1%eth0' is not an IP address; write for example 127.0.0.1 or ::1"),
        ("gpu.budget=0", f"gpu.budget: 0 {NOT_A_SIZE}"),
        ("gpu.budget=0GiB", "gpu.budget: must be at least 1MiB"),
        ("gpu.budget=6", f"gpu.budget: 6 {NOT_A_SIZE}"),
        ("gpu.budget=lots", f"gpu.budget: 'lots' {NOT_A_SIZE}"),
        ("gpu.device=-1", "gpu.device: must be at least 0, not -1"),
        ("gpu.cdi=yes", "gpu.cdi: must be 'auto' or true or false, not 'yes'"),
        ("gpu=", "gpu: has no value; give it a mapping of keys to values, or remove the line"),
        ("gpu=[]", "gpu: must be a mapping of keys to values, not a list"),
        ("models.chat.threads=fast", "models.chat.threads: must be 'auto' or a whole number, not 'fast'"),
        ("models.chat.threads=0", "models.chat.threads: must be at least 1, not 0"),
        ("models.chat.threads=1.5", "models.chat.threads: must be 'auto' or a whole number, not 1.5"),
        ("models.chat.context=true", "models.chat.context: must be a whole number, not true"),
        (
            "models.chat.context='1024'",
            "models.chat.context: must be a whole number, not '1024'; write it without quotes",
        ),
        ("models.chat.context=99999999999", "models.chat.context: must be at most 2147483647, not 99999999999"),
        ("models.chat.gpu_layers=al", "models.chat.gpu_layers: must be 'auto' or 'all' or a whole number, not 'al'"),
        ("models.chat.gpu_layers=-1", "models.chat.gpu_layers: must be at least 0, not -1"),
        ("models.chat.kv_type=q8", "not 'q8' (did you mean 'q8_0'?)"),
        ("models.chat.cpus=0", "models.chat.cpus: must be more than 0, not 0"),
        ("models.chat.cpus='4'", "models.chat.cpus: must be a number, not '4'; write it without quotes"),
        ("models.chat.cpus=.inf", "models.chat.cpus: must be a number, not '.inf'"),
        ("models.chat.sampling.top_p=2", "models.chat.sampling.top_p: must be at most 1, not 2"),
        ("models.chat.source.demo=yes", "must be true or false, not 'yes'; in YAML 1.2 'yes' is text"),
        ("models.chat.source.file=a.bin", "'a.bin' is not the name of a .gguf file; the folder is paths.models"),
        (
            "models.chat.source.file=../a.gguf",
            "'../a.gguf' is not the name of a .gguf file; the folder is paths.models",
        ),
        ("models.chat.source.file=-a.gguf", "'-a.gguf' is not the name of a .gguf file; the folder is paths.models"),
        ("models.chat.source.repo=Qwen", "'Qwen' is not a repository; write owner/name"),
        ("models.chat.source.sha256=ABC", "must be 64 hexadecimal digits in lower case, not 'ABC'"),
        ("models.chat.source.revision=3", "must be text, not 3; write it in quotes"),
        ('models.chat.source.revision="a\\nb"', "must not contain the character U+000A"),
        (
            "models.Chat.context=1",
            "models.Chat: 'Chat' is not a name; use a-z, 0-9 and, between them, '-', '_' and '.'",
        ),
        (f"models.{'a' * 51}.context=1", "a model's name has at most 50 characters, this one has 51"),
        ("routes.x=[]", "routes.x: must not be empty"),
        ("routes.x=chat", "routes.x: must be a list, not 'chat'"),
        ("routes.x=[3]", "routes.x[0]: must be text, not 3; write it in quotes"),
        ("ports.rag=0", "ports.rag: 0 is not a port; ports are 1 to 65535"),
        ("ports.rag=70000", "ports.rag: 70000 is not a port; ports are 1 to 65535"),
        ("ports.rag='80'", "ports.rag: must be a whole number from 1 to 65535, not '80'; write it without quotes"),
        ("ports.rag=8000:8001", "ports.rag: must be a whole number from 1 to 65535, not '8000:8001'"),
        ("timeouts.request=0", "timeouts.request: must be between 1ms and 24h"),
        ("timeouts.request=2d", 'timeouts.request: \'2d\' is not a duration; write for example "60s" or "2m"'),
        ("timeouts.request=true", 'timeouts.request: True is not a duration; write for example "60s"'),
        ("retry.attempts=11", "retry.attempts: must be at most 10, not 11"),
        ("services.rag.depends_on=qdrant", "services.rag.depends_on: must be a list, not 'qdrant'"),
        ("services.api_gateway.cooldown=1s", "services.api_gateway: unknown key (did you mean 'api-gateway'?)"),
        ("services.rag.chunksize=1", "services.rag.chunksize: unknown key (did you mean 'chunk_size'?)"),
        ("services.web.port=1", "services.web: unknown key; known here: api-gateway, rag, embedding, qdrant"),
        ("images.llama=a:latest", "'a:latest' has no fixed version; write a version tag or a digest"),
        ("images.llama=A B", "'A B' is not an image reference; write registry/name:tag"),
        ("paths.models=", "paths.models: has no value; give it text, or remove the line"),
        ("paths.models=''", "paths.models: must not be empty"),
        ('paths.data="a\\0b"', "paths.data: must not contain the character U+0000"),
        ('description="\\uD800"', "description: must not contain the character U+D800"),
    ],
)
def test_a_wrong_value_is_explained(problems: Problems, setting: str, message: str) -> None:
    found = problems(sets=(setting,))
    assert message in found[0]
    assert found[0].startswith("--set: ")


@pytest.mark.parametrize("image", [name for name, field in Images.model_fields.items() if "/" in str(field.default)])
@pytest.mark.parametrize(
    "tag", ["", ":latest", ":main", ":main-v1.2", ":main-latest", ":master-1", ":server-cuda", ":edge"]
)
def test_no_image_of_the_profile_may_float(problems: Problems, image: str, tag: str) -> None:
    assert "has no fixed version" in problems(sets=(f"images.{image}=ghcr.io/some/thing{tag}",))[0]


def test_a_message_stays_short_and_printable_whatever_was_given(problems: Problems) -> None:
    found = problems(f'extends: phase2\n"k\\n\\x1b[2J{"y" * 5000}": 1\nengine: "{"z" * 5000}\\x1b[2J"\n')
    assert all(len(line) < 500 and line.isprintable() for line in found)


def test_a_section_without_values_says_what_to_do(problems: Problems) -> None:
    assert problems("extends: phase2\nservices:\n  rag:\n") == [
        "my.yaml:3: services.rag: has no value; give it a mapping of keys to values, or remove the line"
    ]


def test_what_is_missing_is_named(problems: Problems) -> None:
    assert problems("phase: 2\n") == ["my.yaml:1: models: is missing", "my.yaml:1: routes: is missing"]
