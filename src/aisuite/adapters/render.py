"""Render a stack's files from templates, and read them back: a value can never change a file's structure."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aisuite.bundle.kept_state import FILE, describe_state
from aisuite.errors import TemplateBroken
from aisuite.profile.dotenv import format_dotenv
from aisuite.stack.numerals import decimal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import jinja2

    from aisuite.stack.model import Stack

_NOT_PLAIN = re.compile(r"[^ -~]")


class JinjaRenderer:
    """Renders with the templates of one folder. The same stack gives the same bytes."""

    def __init__(self, templates: Path) -> None:
        self._templates = templates
        self._loaded: jinja2.Environment | None = None

    def render(self, stack: Stack) -> dict[str, str]:
        """Return {path relative to the project folder: text}. Raises TemplateBroken."""
        from aisuite.stack.readback import check_rendered

        files = self._containers(stack) if stack.engine == "docker" else self._processes(stack)
        files[".env"] = self._fill("env.j2", stack=stack)
        try:
            check_rendered(stack, files)
        except ValueError as err:
            raise TemplateBroken(
                f"the templates in {self._templates} do not give what the profile says: {err}"
            ) from err
        files[FILE] = describe_state(stack)
        return files

    def _containers(self, stack: Stack) -> dict[str, str]:
        volumes = sorted({volume.source for service in stack.services for volume in service.volumes})
        return {
            "compose.yaml": self._fill("compose/compose.yaml.j2", stack=stack, volumes=volumes),
            "litellm.yaml": self._fill("gateway/litellm.yaml.j2", stack=stack),
            "model_servers.py": self._fill("gateway/model_servers.py"),
            "start_gateway.py": self._fill("gateway/start_gateway.py"),
        }

    def _processes(self, stack: Stack) -> dict[str, str]:
        files = {
            "process/supervisord.conf": self._fill("process/supervisord.conf.j2", stack=stack),
            "process/litellm.yaml": self._fill("gateway/litellm.yaml.j2", stack=stack),
            "process/model_servers.py": self._fill("gateway/model_servers.py"),
            "process/start_gateway.py": self._fill("gateway/start_gateway.py"),
        }
        for service in stack.services:
            # What the command line names needs no delivery.
            delivered = tuple(use for use in service.secrets if use.variable is not None)
            text = self._fill("process/service.json.j2", stack=stack, service=replace(service, secrets=delivered))
            files[f"process/services/{service.name}.json"] = text
        return files

    def _fill(self, template: str, **context: Any) -> str:
        import jinja2

        try:
            return self._environment().get_template(template).render(context)
        except jinja2.TemplateError as err:
            raise TemplateBroken(f"template {self._templates / template}: {err}") from err

    def _environment(self) -> jinja2.Environment:
        if self._loaded is None:
            # Here, because a command that renders nothing must not pay for it.
            import jinja2

            self._loaded = jinja2.Environment(
                loader=jinja2.FileSystemLoader(self._templates),
                undefined=jinja2.StrictUndefined,
                autoescape=False,  # noqa: S701  no HTML: every value goes through a filter of its format
                trim_blocks=True,
                lstrip_blocks=True,
                keep_trailing_newline=True,
            )
            self._loaded.filters.update(FILTERS)
        return self._loaded


def as_json(value: Any) -> str:
    """Write a value as JSON, in ASCII."""
    return json.dumps(value, ensure_ascii=True)


def as_yaml(value: str) -> str:
    """Write a text as a double-quoted YAML scalar, in ASCII."""
    # Not as_json: YAML reads a pair of surrogates as two broken characters.
    return _NOT_PLAIN.sub(lambda match: f"\\U{ord(match[0]):08X}", json.dumps(value, ensure_ascii=False))


def as_compose(value: str) -> str:
    """Write a text as a YAML scalar in which Compose interpolates nothing."""
    return as_yaml(value.replace("$", "$$"))


def as_supervisor(value: str) -> str:
    """Write a text into supervisord's configuration, where % starts an expansion."""
    return value.replace("%", "%%")


FILTERS: Mapping[str, Any] = {
    "compose": as_compose,
    "dotenv": format_dotenv,
    "duration": lambda seconds: f"{decimal(seconds)}s",
    "json": as_json,
    "number": decimal,
    "supervisor": as_supervisor,
    "yaml": as_yaml,
}
