"""docs/reference/services.md: every service of phase 2, where it listens and who may ask it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.profile.environment import VARIABLES
from aisuite.profile.services import Services
from aisuite.services.common.install import OPEN_PATHS
from aisuite.services.vectordb.api.service import OPEN_PATHS as STORE_OPEN_PATHS
from aisuite.stack.model import Role, Site
from aisuite.stack.places import GATEWAY_KEY, SERVICE_KEY
from aisuite.stack.resolve import resolve
from aisuite.vram.demand import unplanned
from generator.environment import load_shipped
from generator.markdown import code, page, table

if TYPE_CHECKING:
    from aisuite.stack.model import EngineName, Service, Stack

_OPEN = {Role.RAG: OPEN_PATHS, Role.EMBEDDING: OPEN_PATHS, Role.VECTORDB: STORE_OPEN_PATHS}


def services_page() -> str:
    """Return the text of the page."""
    processes, containers = _stack("process").services, _stack("docker").services
    what = [(code(one.name), _meaning(one), _needs(one), str(one.deadline)) for one in processes]
    where = [
        (code(one.name), code(one.published.port), _port_variable(one), code(one.live_path), code(one.ready_path))
        for one in processes
    ]
    keys = [(code(one.name), code(f"secrets/{_key(one)}"), _open_paths(one)) for one in processes]
    images = [(code(one.name), code(one.image), code(one.listen.port)) for one in containers]
    return page(
        "# Services",
        "As the profile `phase2` has them, in the order in which they start. Phase 1 has `inference-chat` and "
        "`api-gateway` only.",
        table(("service", "what it is", "waits for", "deadline"), what),
        "The gateway needs one of its model servers; every other service needs all that it waits for. A service that "
        "is not ready at its deadline has failed. Another deadline: `services.<service>.deadline`, "
        "`models.<model>.deadline`.",
        "## Ports",
        "On 127.0.0.1 unless `bind` says otherwise. Another port: the variable, or `ports.<service>` in the profile.",
        table(("service", "port", "variable", "live", "ready"), where),
        "*Live* says that the process serves. *Ready* says that it can do its work: 200 or 503.",
        "## Keys",
        "Send `Authorization: Bearer <key>`; the vector store also takes Qdrant's own header `api-key`. A key is a "
        "file in `.aisuite/<project>/`.",
        table(("service", "key", "open without a key"), keys),
        "LiteLLM also answers `/` and the description of its own API (`/openapi.json`, `/routes`) without a key.",
        "## Containers",
        "In the Compose file that `aisuite render` writes. This version does not start it, and the image of our own "
        "services is not published yet.",
        table(("service", "image", "port inside"), images),
    )


def _stack(engine: EngineName) -> Stack:
    profile = unplanned(load_shipped("phase2"))
    return resolve(profile, "phase2", Site(engine, "aisuite", Path("/project"), Path("/work"), cpus=8))


def _meaning(service: Service) -> str:
    if service.role is Role.INFERENCE:
        return "A model, served by llama.cpp."
    fields = Services.model_fields.items()
    return next(one.description or "" for name, one in fields if (one.alias or name) == service.name)


def _needs(service: Service) -> str:
    return ", ".join(code(need.service) for need in service.depends_on) or "nobody"


def _port_variable(service: Service) -> str:
    return next((code(one.name) for one in VARIABLES if one.path == ("ports", service.name)), "")


def _key(service: Service) -> str:
    return GATEWAY_KEY if service.role is Role.GATEWAY else SERVICE_KEY


def _open_paths(service: Service) -> str:
    paths = {service.live_path, service.ready_path} | _OPEN.get(service.role, frozenset())
    return ", ".join(map(code, sorted(paths)))
