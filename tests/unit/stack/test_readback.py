from __future__ import annotations

from typing import Any

import pytest

from aisuite.stack.readback import check_rendered
from tests.fakes.profiles import ENGINES, make_renderer, make_resolved

STACKS = {engine: make_resolved(engine) for engine in ENGINES}
FILES = {
    # What a backup reads is told from the stack itself, not by a template.
    engine: {name: text for name, text in make_renderer().render(stack).items() if name != "state.json"}
    for engine, stack in STACKS.items()
}


@pytest.mark.parametrize("engine", ENGINES)
def test_files_that_say_what_the_stack_says_pass(engine: Any) -> None:
    check_rendered(STACKS[engine], FILES[engine])
    assert "compose.yaml" in FILES["docker"]


@pytest.mark.parametrize(
    ("engine", "file", "old", "new"),
    [
        ("docker", "compose.yaml", '"127.0.0.1:8002:8002"', '"8002:8002"'),
        ("docker", "compose.yaml", "./secrets/service_key", "/etc/shadow"),
        ("docker", "compose.yaml", '"rag":', '"rag2":'),
        ("docker", "compose.yaml", "required: false", "required: true"),
        ("docker", "compose.yaml", "read_only: true\n        bind:", "read_only: false\n        bind:"),
        ("docker", "compose.yaml", "DAC_OVERRIDE", "SYS_ADMIN"),
        ("docker", "compose.yaml", "init: true", "init: true\n    privileged: true"),
        ("docker", "litellm.yaml", "order: 1", "order: 3"),
        ("process", "process/litellm.yaml", "http://127.0.0.1:8001/v1", "http://192.0.2.1:8001/v1"),
        ("docker", "model_servers.py", "class Server:", "class Server"),
        ("process", "process/model_servers.py", "class Server:", "class Server"),
        ("docker", "start_gateway.py", "while True:", "while True"),
        ("process", "process/start_gateway.py", "while True:", "while True"),
        ("process", "process/supervisord.conf", "[program:rag]", "[program:rag]\ncommand=x\n[program:other]"),
        ("process", "process/supervisord.conf", "[supervisord]", "[supervisord"),
        ("process", "process/services/rag.json", '"working_dir"', '"umask": 0, "working_dir"'),
        ("process", "process/services/rag.json", "service_key", "gateway_key"),
        ("process", "process/services/rag.json", "{", "["),
        ("process", ".env", "RAG_PORT=8002", "RAG_PORT=8002\nMORE=1"),
        ("process", ".env", "RAG_PORT=8002", 'RAG_PORT="8002'),
    ],
)
def test_a_file_that_says_something_else_is_refused_by_name(engine: Any, file: str, old: str, new: str) -> None:
    assert old in FILES[engine][file]
    with pytest.raises(ValueError, match=file):
        check_rendered(STACKS[engine], FILES[engine] | {file: FILES[engine][file].replace(old, new, 1)})
