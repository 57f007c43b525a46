"""Where a command has worked, in words that tell machines apart: what was rendered, images, versions, host, state."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.errors import EngineUnavailable, GpuUnavailable
from aisuite.ops.look import look
from aisuite.ops.record import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.ports import Deps
    from aisuite.stack.model import Stack


def describe_scene(stack: Stack, versions: Mapping[str, str], deps: Deps) -> dict[str, Any]:
    """Return what does not change while a command runs."""
    files = {name: _sha256(text) for name, text in sorted(deps.renderer.render(stack).items())}
    return {
        "project": stack.project,
        "engine": stack.engine,
        "profile": stack.profile,
        "phase": stack.phase,
        "config": {"sha256": _sha256("".join(f"{name} {sha256}\n" for name, sha256 in files.items())), "files": files},
        "images": _images(stack, deps),
        "versions": dict(versions),
        "host": {
            "cpus": deps.host.cpus(),
            "free_memory": deps.host.free_memory(),
            "free_disk": deps.host.free_bytes(deps.workdir.folder),
        },
    }


def describe_state(deps: Deps) -> dict[str, Any]:
    """Return every service as it is now, each asked, and the memory of the cards; in words what cannot be told."""
    return {"services": _services(deps), "gpu": _gpu_memory(deps)}


def _services(deps: Deps) -> Any:
    record = read_record(deps.workdir)
    try:
        observed = look({one.name: one.ready_url for one in record.services} if record else {}, deps)
    except EngineUnavailable as err:
        return err.message
    services = [asdict(one) for one in observed.services]
    for service in services:
        del service["fingerprint"]  # digests of what is rendered, which the scene tells already
    return services


def _images(stack: Stack, deps: Deps) -> Any:
    """Return each image with the digest it is locked to, and what the engine has under its name."""
    try:
        return _found_images(stack, deps)
    except EngineUnavailable as err:
        return err.message


def _found_images(stack: Stack, deps: Deps) -> dict[str, Any]:
    found = {}
    for service in stack.services:
        if service.image is not None and deps.images is not None:
            here = deps.images.find(service.exact_image or service.image)
            found[service.image] = {
                "locked": service.image_digest,
                "id": here.id if here else None,
                "digest": here.digest if here else None,
            }
    return found


def _gpu_memory(deps: Deps) -> Any:
    try:
        return [
            {"index": one.index, "name": one.name, "total_mib": one.total, "free_mib": one.free, "used_mib": one.used}
            for one in deps.gpu.devices()
        ]
    except GpuUnavailable as err:
        return err.message


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
