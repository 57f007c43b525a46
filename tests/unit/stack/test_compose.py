from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aisuite.stack.compose import parse_compose
from tests.fakes.profiles import make_renderer, make_resolved

RENDERED = make_renderer().render(make_resolved("docker"))["compose.yaml"]


def edited(**service: Any) -> str:
    document = yaml.safe_load(RENDERED)
    document["services"]["rag"].update(service)
    return yaml.safe_dump(document)


def test_what_we_render_is_read_back() -> None:
    file = parse_compose(RENDERED)
    assert file.name == "default"
    assert file.services["rag"].ports == ("127.0.0.1:8002:8002",)
    assert file.networks["core"].internal
    assert not file.networks["edge"].internal


def test_a_doubled_dollar_is_a_dollar() -> None:
    assert parse_compose(edited(user="$$HOME")).services["rag"].user == "$HOME"


@pytest.mark.parametrize("value", ["$HOME", "${HOME}", "$$$HOME", "100$", "${HOME:-x}"])
def test_what_compose_would_replace_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="Compose would replace"):
        parse_compose(edited(user=value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("privileged", True),
        ("network_mode", "host"),
        ("pid", "host"),
        ("devices", ["/dev/mem"]),
        ("imagee", "x"),
        ("read_only", False),
        ("init", "true"),
        ("cap_drop", []),
        ("security_opt", ["seccomp=unconfined"]),
        ("restart", "always"),
        ("pids_limit", "512"),
        ("environment", {"PORT": 8000}),
        ("healthcheck", {"test": ["CMD", "true"]}),
        ("volumes", ["/:/host"]),
    ],
)
def test_what_is_not_in_the_subset_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=key):
        parse_compose(edited(**{key: value}))


@pytest.mark.parametrize(
    "text", ["", "[]", "services: [", "a: !!python/object/apply:os.getcwd []", "\x00", "services: {}"]
)
def test_what_is_no_compose_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_compose(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert parse_compose(text).services
