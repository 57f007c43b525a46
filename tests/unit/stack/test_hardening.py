from __future__ import annotations

from typing import Any

import pytest

from aisuite.stack.compose import ComposeFile, parse_compose
from aisuite.stack.hardening import CHECKS, EXCEPTIONS, Finding, check_hardening
from aisuite.stack.resolve import resolve
from tests.fakes.profiles import SHIPPED, make_profile, make_renderer, make_resolved, make_site, shipped

RENDERER = make_renderer()
RENDERED = parse_compose(RENDERER.render(make_resolved("docker"))["compose.yaml"])
PORT = "127.0.0.1:8002:8002"


def broken(service: str = "rag", **changes: Any) -> tuple[Finding, ...]:
    """Return what is found when a service is changed; the strict types, which forbid most of it, are bypassed."""
    changed = RENDERED.services[service].model_copy(update=changes)
    services = RENDERED.services | {service: changed}
    return check_hardening(RENDERED.model_copy(update={"services": services}))


def bind(source: str, *, read_only: bool = True) -> Any:
    like = RENDERED.services["api-gateway"].volumes[0]
    return (like.model_copy(update={"source": source, "read_only": read_only}),)


def device(*ids: str, capabilities: tuple[str, ...] = ("gpu",)) -> Any:
    rendered = RENDERER.render(resolve(shipped("phase2"), "phase2", make_site("docker")))["compose.yaml"]
    deploy = parse_compose(rendered).services["inference-chat"].deploy
    assert deploy is not None
    assert deploy.resources.reservations is not None
    (card,) = deploy.resources.reservations.devices
    asked = card.model_copy(update={"device_ids": ids, "capabilities": capabilities})
    reservations = deploy.resources.reservations.model_copy(update={"devices": (asked,)})
    return deploy.model_copy(update={"resources": deploy.resources.model_copy(update={"reservations": reservations})})


def limits(**changes: str | None) -> Any:
    deploy = RENDERED.services["rag"].deploy
    assert deploy is not None
    assert deploy.resources.limits is not None
    changed = deploy.resources.limits.model_copy(update=changes)
    return deploy.model_copy(update={"resources": deploy.resources.model_copy(update={"limits": changed})})


def network(**changes: Any) -> ComposeFile:
    networks = {**RENDERED.networks, "edge": RENDERED.networks["edge"].model_copy(update=changes)}
    return RENDERED.model_copy(update={"networks": networks})


BREAKS: list[tuple[str, dict[str, Any], str]] = [
    ("CIS-5.2", {"security_opt": ("no-new-privileges:true", "apparmor=unconfined")}, "apparmor=unconfined"),
    ("CIS-5.2", {"security_opt": ("no-new-privileges:true", "label=disable")}, "label=disable"),
    ("CIS-5.4", {"cap_drop": ()}, "ALL is missing"),
    ("CIS-5.4", {"cap_add": ("DAC_OVERRIDE",)}, "cap_add: DAC_OVERRIDE"),
    ("CIS-5.6", {"volumes": bind("/")}, "volumes: /"),
    ("CIS-5.6", {"volumes": bind("/etc/ssl")}, "/etc/ssl"),
    ("CIS-5.6", {"volumes": bind("./../../etc")}, ".."),
    ("CIS-5.8", {"ports": ("127.0.0.1:80:8002",)}, "80:8002"),
    ("CIS-5.8", {"ports": ("127.0.0.1:8002:22",)}, ":22"),
    ("CIS-5.9", {"ports": (PORT, "127.0.0.1:9000:9000")}, "9000:9000"),
    ("CIS-5.11", {"deploy": None}, "no memory"),
    ("CIS-5.11", {"deploy": limits(memory=None)}, "no memory"),
    ("CIS-5.11", {"deploy": limits(memory="0m")}, "no memory"),
    ("CIS-5.12", {"deploy": limits(cpus=None)}, "no cpus"),
    ("CIS-5.12", {"deploy": limits(cpus="0")}, "no cpus"),
    ("CIS-5.13", {"read_only": False}, "read_only"),
    ("CIS-5.14", {"ports": ("0.0.0.0:8002:8002",)}, "0.0.0.0"),
    ("CIS-5.14", {"ports": ("[::]:8002:8002",)}, "[::]"),
    ("CIS-5.14", {"ports": ("8002:8002",)}, "8002:8002"),
    ("CIS-5.18", {"deploy": device("all")}, "all"),
    ("CIS-5.18", {"deploy": device("nvidia.com/gpu=all")}, "gpu=all"),
    ("CIS-5.18", {"deploy": device("0", capabilities=("gpu", "display"))}, "display"),
    ("CIS-5.22", {"security_opt": ("no-new-privileges:true", "seccomp=unconfined")}, "seccomp=unconfined"),
    ("CIS-5.26", {"security_opt": ()}, "missing"),
    ("CIS-5.27", {"healthcheck": RENDERED.services["rag"].healthcheck.model_copy(update={"test": ("NONE",)})}, "NONE"),
    ("CIS-5.28", {"image": "aisuite/service:latest"}, "latest"),
    ("CIS-5.28", {"image": "aisuite/service"}, "aisuite/service"),
    ("CIS-5.29", {"pids_limit": -1}, "-1"),
    ("CIS-5.30", {"networks": ()}, "default bridge"),
    ("CIS-5.30", {"networks": ("core", "host")}, "host is not the project's"),
    ("CIS-5.32", {"volumes": bind("/srv/docker.sock")}, "docker.sock"),
    ("AIS-1", {"user": None}, "the image's own"),
    ("AIS-1", {"user": "0:0"}, "0:0"),
    ("AIS-1", {"user": "root"}, "root"),
    ("AIS-2", {"environment": {"SERVICE_API_KEY": "x"}}, "SERVICE_API_KEY"),
    ("AIS-2", {"secrets": ("other",)}, "other is no file of the project"),
    ("AIS-3", {"volumes": bind("/srv/documents", read_only=False)}, "/srv/documents is writable"),
    (
        "AIS-4",
        {"logging": RENDERED.services["rag"].logging.model_copy(update={"options": {"max-file": "3"}})},
        "max-size",
    ),
]


@pytest.mark.parametrize("profile", SHIPPED)
def test_a_shipped_profile_breaks_no_rule(profile: str) -> None:
    rendered = RENDERER.render(resolve(shipped(profile), profile, make_site("docker")))["compose.yaml"]
    assert check_hardening(parse_compose(rendered)) == ()


@pytest.mark.parametrize(("check", "changes", "evidence"), BREAKS)
def test_a_service_that_breaks_a_rule_is_found_with_the_evidence(
    check: str, changes: dict[str, Any], evidence: str
) -> None:
    found = [one for one in broken(**changes) if one.check.id == check]
    assert [one.service for one in found] == ["rag"]
    assert evidence in found[0].evidence


def test_a_network_that_leads_to_the_internet_is_found_at_each_service_on_it() -> None:
    found = check_hardening(network(driver_opts={}))
    assert {one.check.id for one in found} == {"AIS-5"}
    assert {one.service for one in found} == set(RENDERED.services)
    assert check_hardening(network(driver_opts={}, internal=True)) == ()


def test_every_rule_is_seen_broken() -> None:
    assert {check.id for check in CHECKS} == {check for check, _, _ in BREAKS} | {"AIS-5"}


def test_there_are_22_rules_each_with_its_own_id_title_and_reason() -> None:
    assert len(CHECKS) == len({check.id for check in CHECKS}) == len({check.title for check in CHECKS}) == 22
    assert all(check.reason.endswith(".") for check in CHECKS)


def test_an_exception_excuses_its_own_evidence_and_nothing_else() -> None:
    assert not check_hardening(RENDERED)
    (found,) = broken("qdrant", cap_add=("DAC_OVERRIDE", "SYS_ADMIN"))
    assert str(found) == "CIS-5.4 qdrant: cap_add: SYS_ADMIN (No capability of root)"


def test_every_exception_is_needed() -> None:
    seen = {
        (check.id, name, evidence)
        for name, service in RENDERED.services.items()
        for check in CHECKS
        for evidence in check.look(service, RENDERED)
    }
    assert seen == set(EXCEPTIONS)


def test_a_port_for_every_network_that_the_owner_asked_for_is_a_finding_all_the_same() -> None:
    stack = resolve(make_profile(bind="0.0.0.0"), "open", make_site("docker"))
    found = check_hardening(parse_compose(RENDERER.render(stack)["compose.yaml"]))
    assert {one.check.id for one in found} == {"CIS-5.14"}
