from __future__ import annotations

from typing import Any

import pytest
import yaml

from aisuite.stack.litellm import parse_litellm
from tests.fakes.profiles import make_renderer, make_resolved

RENDERED = make_renderer().render(make_resolved("docker"))["litellm.yaml"]


def edited(*path: Any, value: Any) -> str:
    document = yaml.safe_load(RENDERED)
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return yaml.safe_dump(document)


def test_what_we_render_is_read_back() -> None:
    file = parse_litellm(RENDERED)
    assert [one.model_name for one in file.model_list] == ["chat-7b", "chat-7b", "code-7b", "code-7b"]
    assert file.general_settings.background_health_check_model_groups == ("chat-7b", "code-7b")


def test_the_circuit_opens_at_the_first_failure() -> None:
    policy = parse_litellm(RENDERED).router_settings.allowed_fails_policy
    assert set(policy.model_dump().values()) == {0}


@pytest.mark.parametrize(
    "path",
    [
        ("router",),
        ("model_list", 0, "litellm_params", "priority"),
        ("router_settings", "retry_strategy"),
        ("router_settings", "retry_on_status_codes"),
        ("router_settings", "health_check_interval"),
        ("general_settings", "healthcheck_interval"),
        ("router_settings", "retry_policy", "BadGatewayErrorRetries"),
    ],
)
def test_a_key_that_litellm_ignores_or_forwards_is_refused(path: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=str(path[-1])):
        parse_litellm(edited(*path, value=1))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model_list", 0, "litellm_params", "order"), "1"),
        (("model_list", 0, "litellm_params", "timeout"), {"connect": 10}),
        (("general_settings", "health_check_interval"), 2.5),
        (("general_settings", "master_key"), "sk-in-the-open"),
        (("model_list", 0, "litellm_params", "api_key"), "in-the-open"),
        (("router_settings", "num_retries"), -1),
    ],
)
def test_a_value_that_litellm_takes_wrongly_or_that_is_a_secret_is_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(ValueError, match=str(path[-1])):
        parse_litellm(edited(*path, value=value))


@pytest.mark.parametrize("text", ["", "[]", "model_list: [", "model_list: !!python/name:os.system"])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_litellm(text)
