"""Compare rendered files, as their readers see them, with the stack: a value can never change a file's structure."""

from __future__ import annotations

import json
from configparser import Error as ConfigError
from configparser import RawConfigParser
from functools import partial
from typing import TYPE_CHECKING, Any

from aisuite.profile.dotenv import parse_dotenv
from aisuite.stack.compose import ComposeService, Resources, parse_compose
from aisuite.stack.litellm import parse_litellm
from aisuite.stack.numerals import decimal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.stack.model import Service, Stack

_SUPERVISOR_SECTIONS = ("supervisord", "unix_http_server", "rpcinterface:supervisor")


def check_rendered(stack: Stack, files: Mapping[str, str]) -> None:
    """Raise ValueError naming the first file, and what in it does not say what the stack says."""
    for name, text in files.items():
        check = _CHECKS.get(name) or partial(_check_description, name)
        try:
            check(stack, text)
        except ValueError as err:
            raise ValueError(f"{name}: {err}") from err


def _check_compose(stack: Stack, text: str) -> None:
    file = parse_compose(text)
    _same("name", file.name, stack.project)
    _same("services", list(file.services), [service.name for service in stack.services])
    _same("secrets", {name: one.file for name, one in file.secrets.items()}, _secret_files(stack))
    for service in stack.services:
        meant, said = _meant(service), _said(file.services[service.name])
        for key, value in meant.items():
            _same(f"{service.name}.{key}", said[key], value)


def _meant(service: Service) -> dict[str, Any]:
    paths = {use.variable: f"/run/secrets/{use.secret}" for use in service.secrets if use.variable and use.as_file}
    return {
        "image": service.exact_image,
        "user": service.user,
        "entrypoint": service.entrypoint,
        "command": service.command,
        "environment": dict(service.environment) | paths,
        "secrets": tuple(use.secret for use in service.secrets),
        "ports": (f"{service.published.authority}:{service.listen.port}",),
        "depends_on": {need.service: need.required for need in service.depends_on},
        "healthcheck": service.healthcheck,
        "health_timing": tuple(None if one is None else f"{decimal(one)}s" for one in _times(service)),
        "cap_add": service.capabilities,
        "cards": ((service.card.driver, (service.card.id,)),) if service.gpu else (),
        "limits": (
            None if service.cpus is None else decimal(service.cpus),
            None if service.memory is None else f"{decimal(service.memory)}m",
        ),
        "volumes": tuple((one.source, one.target, one.read_only) for one in (*service.mounts, *service.volumes)),
    }


def _times(service: Service) -> tuple[float | None, ...]:
    timing = service.health_timing
    return timing.interval, timing.timeout, service.deadline, timing.start_interval


def _said(service: ComposeService) -> dict[str, Any]:
    check = service.healthcheck
    resources = service.deploy.resources if service.deploy else Resources()
    limits, reserved = resources.limits, resources.reservations
    return {
        "image": service.image,
        "user": service.user,
        "entrypoint": service.entrypoint,
        "command": service.command,
        "environment": service.environment,
        "secrets": service.secrets,
        "ports": service.ports,
        "depends_on": {name: need.required for name, need in service.depends_on.items()},
        "healthcheck": check.test,
        "health_timing": (check.interval, check.timeout, check.start_period, check.start_interval),
        "cap_add": service.cap_add,
        "cards": tuple((one.driver, one.device_ids) for one in reserved.devices) if reserved else (),
        "limits": (limits.cpus, limits.memory) if limits else (None, None),
        "volumes": tuple((one.source, one.target, one.read_only) for one in service.volumes),
    }


def _secret_files(stack: Stack) -> dict[str, str]:
    return {name: f"./secrets/{name}" for name in stack.secrets}


def _check_litellm(stack: Stack, text: str) -> None:
    said = [
        (one.model_name, one.litellm_params.model, one.litellm_params.api_base, one.litellm_params.order)
        for one in parse_litellm(text).model_list
    ]
    meant = [
        (route.name, f"openai/{target.model}", target.url, target.order)
        for route in stack.routes
        for target in route.targets
    ]
    _same("model_list", said, meant)


def _check_program(_: Stack, text: str) -> None:
    try:
        compile(text, "gateway", "exec", dont_inherit=True)
    except SyntaxError as err:
        raise ValueError(str(err)) from err


def _check_supervisord(stack: Stack, text: str) -> None:
    parser = RawConfigParser(inline_comment_prefixes=(";", "#"))
    try:
        parser.read_string(text)
    except ConfigError as err:
        raise ValueError(str(err)) from err
    watchdog = ["program:watchdog"] if stack.restart_when_hung else []
    programs = [f"program:{service.name}" for service in stack.services]
    _same("sections", parser.sections(), [*_SUPERVISOR_SECTIONS, *watchdog, *programs])


def _check_description(file: str, stack: Stack, text: str) -> None:
    service = stack.service(file.removeprefix("process/services/").removesuffix(".json"))
    meant = {
        "name": service.name,
        "argv": list(service.command),
        "environment": dict(service.environment),
        "secrets": [
            {"variable": use.variable, "file": f"secrets/{use.secret}", "as_file": use.as_file}
            for use in service.secrets
            if use.variable is not None
        ],
        "working_dir": str(stack.folder),
        "data": service.data,
        "live": service.live_url,
    }
    _same(service.name, json.loads(text), meant)


def _check_env(stack: Stack, text: str) -> None:
    said, problems = parse_dotenv(text, ".env")
    if problems:
        raise ValueError(str(problems[0]))
    _same("variables", [(one.name, one.value) for one in said], list(stack.variables))


def _same(what: str, said: object, meant: object) -> None:
    if said != meant:
        raise ValueError(f"{what} says {said!r}, and should say {meant!r}")


_CHECKS = {
    "compose.yaml": _check_compose,
    "litellm.yaml": _check_litellm,
    "model_servers.py": _check_program,
    "start_gateway.py": _check_program,
    "process/litellm.yaml": _check_litellm,
    "process/model_servers.py": _check_program,
    "process/start_gateway.py": _check_program,
    "process/supervisord.conf": _check_supervisord,
    ".env": _check_env,
}
