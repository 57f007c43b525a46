"""Make everything final: a profile on a site becomes a stack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aisuite.errors import Problem, ProfileInvalid, UsageError
from aisuite.profile.dependencies import (
    DEFAULT_PORTS,
    EMBEDDING,
    GATEWAY,
    INFERENCE,
    chat_services,
    effective_dependencies,
    running_services,
)
from aisuite.stack.gateway import gateway_service, policy, routes
from aisuite.stack.graph import dependencies_of, start_order
from aisuite.stack.inference import card_of, inference_service, model_file
from aisuite.stack.model import BackupPolicy, Stack
from aisuite.stack.onnx import onnx_files
from aisuite.stack.places import Places
from aisuite.stack.retrieval import QDRANT, RAG, embedding_service, qdrant_service, rag_service
from aisuite.stack.variables import effective_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.profile.model import Profile
    from aisuite.stack.model import ModelFile, Service, Site

_BUILDERS: Mapping[str, Callable[[Profile, Places], Service]] = {
    GATEWAY: gateway_service,
    QDRANT: qdrant_service,
    EMBEDDING: embedding_service,
    RAG: rag_service,
}
_NOT_YET = {3: "mcp-server, memory-api and memory-maintainer are not in this version"}


def resolve(profile: Profile, name: str, site: Site) -> Stack:
    """Return the stack that a checked profile, called `name`, becomes on a site.

    Raises ProfileInvalid for what this version cannot make final, and UsageError for a place that no file can name.
    """
    _refuse_auto_layers(profile, name)
    _refuse_odd_bytes(site)
    places = _places(profile, site)
    return Stack(
        project=site.project,
        engine=site.engine,
        profile=name,
        phase=profile.phase,
        folder=site.folder,
        data=places.data,
        gpu_device=None if profile.gpu.backend == "cpu" else card_of(next(iter(profile.models.values())), profile),
        services=_services(profile, places),
        routes=routes(profile, places),
        policy=policy(profile),
        models=model_files(profile, site),
        variables=effective_settings(profile, places),
        restart_when_hung=profile.restart_when_hung,
        backup=_backup_policy(profile, site),
        service_base=profile.images.service_base,
        notes=_notes(profile, site),
    )


def model_files(profile: Profile, site: Site) -> tuple[ModelFile, ...]:
    """Return the files of all models on a site; unlike a stack, they need no plan."""
    places = _places(profile, site)
    return (*(model_file(model, profile, places) for model in profile.models), *onnx_files(profile, places))


def _places(profile: Profile, site: Site) -> Places:
    return Places(
        site=site,
        bind=str(profile.bind),
        ports={**DEFAULT_PORTS, **profile.ports},
        models=site.working_dir / profile.paths.models,
        data=site.folder / "data" if profile.paths.data is None else site.working_dir / profile.paths.data,
    )


def _backup_policy(profile: Profile, site: Site) -> BackupPolicy:
    wanted = profile.backup
    folder = None if wanted.folder is None else str(site.working_dir / wanted.folder / site.project)
    return BackupPolicy(**{**wanted.model_dump(), "folder": folder})


def _services(profile: Profile, places: Places) -> tuple[Service, ...]:
    graph, models = effective_dependencies(profile), chat_services(profile)
    built = (_build(service, profile, places) for service in running_services(profile))
    return start_order(
        [
            # One model server is enough for the gateway; every other service needs all that it waits for.
            replace(
                one,
                depends_on=dependencies_of(one.name, graph, models if one.name == GATEWAY else ()),
                image_digest=places.site.digests.get(one.image) if one.image else None,
                health_timing=places.health_timing,
            )
            for one in built
        ]
    )


def _build(service: str, profile: Profile, places: Places) -> Service:
    if service.startswith(INFERENCE):
        return inference_service(service.removeprefix(INFERENCE), profile, places)
    return _BUILDERS[service](profile, places)


def _refuse_auto_layers(profile: Profile, name: str) -> None:
    if profile.gpu.backend == "cpu":
        return  # none of them, whatever the profile says
    problems = tuple(
        Problem(name, None, f"models.{model}.gpu_layers", "no plan says how many layers fit; write all, or a number")
        for model, settings in profile.models.items()
        if settings.gpu_layers == "auto"
    )
    if problems:
        raise ProfileInvalid(problems)


def _refuse_odd_bytes(site: Site) -> None:
    for path in (site.folder, site.working_dir):
        try:
            str(path).encode()
        except UnicodeEncodeError:
            shown = str(path).encode(errors="backslashreplace").decode()
            hint = "work in a folder with a plain name, for example: mkdir ~/aisuite && cd ~/aisuite"
            raise UsageError(f"the name of the folder {shown} is not UTF-8", hint) from None


def _notes(profile: Profile, site: Site) -> tuple[str, ...]:
    notes = [_NOT_YET[profile.phase]] if profile.phase in _NOT_YET else []
    if site.engine == "docker" and profile.gpu.backend not in {"cpu", "cuda"}:
        notes.append(f"containers get no {profile.gpu.backend} card in this version: the models run on the CPU")
    return tuple(notes)
