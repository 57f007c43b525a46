"""What a service was started with, in comparable parts.

An engine stores the fingerprint with each service it starts and returns it from observe(); a difference in any
part means that the service must be recreated, and names the part.
"""

from __future__ import annotations

import hashlib
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.stack.model import Service

_CONTAINER = (
    "entrypoint",
    "mounts",
    "volumes",
    "cpus",
    "memory",
    "gpu",
    "card",
    "user",
    "capabilities",
    "healthcheck",
    "health_timing",
    "published",
)


def fingerprint(service: Service, rendered: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of a service that matter to a running one.

    Commands and variables stand in plain text, so that a cause can show them; files as a digest.
    Secrets take part by name only.
    """
    parts = {
        "command": shlex.join(service.command),
        "environment": "\n".join(f"{name}={value}" for name, value in service.environment),
        "secrets": " ".join(f"{use.variable}={use.secret}" for use in service.secrets),
    }
    if service.exact_image is not None:
        parts["image"] = service.exact_image
        parts["container"] = repr([getattr(service, name) for name in _CONTAINER])
    for name in service.config_files:
        parts[f"file {name}"] = hashlib.sha256(rendered[name].encode()).hexdigest()[:16]
    return parts
