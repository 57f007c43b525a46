from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.render import JinjaRenderer, as_compose, as_json, as_yaml
from aisuite.errors import TemplateBroken
from aisuite.resources import find_data_dir
from aisuite.stack.compose import parse_compose
from aisuite.units import Mib
from tests.fakes.profiles import ENGINES, make_renderer, make_resolved

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
COMMON = {".env", "state.json"}
SERVICES = ("inference-chat", "inference-code", "qdrant", "embedding", "api-gateway", "rag")


def test_the_docker_engine_gets_a_compose_file_and_the_gateways_configuration() -> None:
    assert (
        set(make_renderer().render(make_resolved("docker")))
        == {
            "compose.yaml",
            "litellm.yaml",
            "model_servers.py",
            "start_gateway.py",
        }
        | COMMON
    )


def test_the_process_engine_gets_a_description_of_each_service() -> None:
    own = {"process/supervisord.conf", "process/litellm.yaml", "process/model_servers.py", "process/start_gateway.py"}
    own |= {f"process/services/{name}.json" for name in SERVICES}
    assert set(make_renderer().render(make_resolved("process"))) == own | COMMON


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("program", ["model_servers.py", "start_gateway.py"])
def test_the_gateways_programs_are_delivered_as_they_lie_here_beside_its_configuration(
    program: str, engine: Any
) -> None:
    files = make_renderer().render(make_resolved(engine))
    (config,) = (name for name in files if name.endswith("litellm.yaml"))
    text = (find_data_dir("templates") / "gateway" / program).read_text(encoding="utf-8")
    assert files[config.replace("litellm.yaml", program)] == text


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_stack_gives_the_same_bytes(engine: Any) -> None:
    first, second = make_renderer().render(make_resolved(engine)), make_renderer().render(make_resolved(engine))
    assert first == second
    assert list(first) == list(second)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_file_ends_with_one_newline_and_no_line_ends_with_a_blank(engine: Any) -> None:
    for name, text in make_renderer().render(make_resolved(engine)).items():
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert not re.search(r"[ \t]$", text, re.MULTILINE), name


def test_every_port_is_published_on_loopback() -> None:
    file = parse_compose(make_renderer().render(make_resolved("docker"))["compose.yaml"])
    ports = [port for service in file.services.values() for port in service.ports]
    assert len(ports) == len(SERVICES)
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_an_address_of_ipv6_is_published_in_brackets() -> None:
    file = parse_compose(make_renderer().render(make_resolved("docker", bind="::1"))["compose.yaml"])
    assert file.services["rag"].ports == ("[::1]:8002:8002",)


def test_services_talk_on_a_network_that_leads_nowhere() -> None:
    file = parse_compose(make_renderer().render(make_resolved("docker"))["compose.yaml"])
    assert file.networks["core"].internal
    assert file.networks["edge"].driver_opts == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert all("core" in service.networks for service in file.services.values())


def test_limits_of_the_profile_are_limits_of_the_container() -> None:
    services = {"rag": {"cpus": 0.5, "memory": "1GiB"}, "embedding": {"memory": "256MiB"}}
    file = parse_compose(make_renderer().render(make_resolved("docker", services=services))["compose.yaml"])
    limits = {name: one.deploy.resources.limits for name, one in file.services.items() if one.deploy}
    assert {name: (limit.cpus, limit.memory) for name, limit in limits.items() if limit} == {
        "inference-chat": ("4", "8192m"),
        "inference-code": ("4", "8192m"),
        "qdrant": ("2", "2048m"),
        "embedding": ("2", "256m"),
        "api-gateway": ("2", "1536m"),
        "rag": ("0.5", "1024m"),
    }


def test_a_size_of_any_length_is_written_in_digits() -> None:
    stack = make_resolved("docker")
    huge = tuple(replace(service, memory=Mib(2_097_152)) for service in stack.services)
    file = parse_compose(make_renderer().render(replace(stack, services=huge))["compose.yaml"])
    assert all(one.deploy and "2097152m" in str(one.deploy) for one in file.services.values())


def test_a_card_is_reserved_by_its_number() -> None:
    text = make_renderer().render(make_resolved("docker", gpu={"backend": "cuda", "device": 2}))["compose.yaml"]
    deploy = parse_compose(text).services["inference-chat"].deploy
    assert deploy is not None
    assert deploy.resources.reservations is not None
    (device,) = deploy.resources.reservations.devices
    assert (device.device_ids, device.capabilities) == (("2",), ("gpu",))


def test_a_template_that_names_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "compose").mkdir()
    (tmp_path / "compose" / "compose.yaml.j2").write_text("name: {{ stack.projekt }}\n")
    with pytest.raises(TemplateBroken, match=r"compose\.yaml\.j2.*projekt"):
        JinjaRenderer(tmp_path).render(make_resolved("docker"))


def test_a_template_that_says_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "compose").mkdir()
    (tmp_path / "gateway").mkdir()
    (tmp_path / "compose" / "compose.yaml.j2").write_text("name: other\n")
    (tmp_path / "gateway" / "litellm.yaml.j2").write_text("{}\n")
    (tmp_path / "gateway" / "model_servers.py").write_text("\n")
    (tmp_path / "gateway" / "start_gateway.py").write_text("\n")
    (tmp_path / "env.j2").write_text("\n")
    with pytest.raises(TemplateBroken, match=r"compose\.yaml: services"):
        JinjaRenderer(tmp_path).render(make_resolved("docker"))


def test_templates_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateBroken, match=re.escape(str(tmp_path))):
        JinjaRenderer(tmp_path).render(make_resolved("docker"))


@given(TEXT)
def test_yaml_reads_back_what_was_written(text: str) -> None:
    written = as_yaml(text)
    assert written.isascii()
    assert yaml.safe_load(written) == text


@given(TEXT)
def test_json_reads_back_what_was_written(text: str) -> None:
    assert as_json(text).isascii()
    assert json.loads(as_json(text)) == text


@given(TEXT)
def test_compose_finds_nothing_to_replace(text: str) -> None:
    read = yaml.safe_load(as_compose(text))
    assert "$" not in read.replace("$$", "")
    assert read.replace("$$", "$") == text
