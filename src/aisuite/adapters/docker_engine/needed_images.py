"""The images that a Compose file needs, looked for before anything is made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from aisuite.errors import StepFailed

if TYPE_CHECKING:
    from aisuite.stack.compose import ComposeFile

_OURS = "aisuite/"


def check_images(client: Any, compose: ComposeFile) -> None:
    """Raise StepFailed naming every image that the engine has not, with the services that need it."""
    users: dict[str, list[str]] = {}
    for name, service in compose.services.items():
        users.setdefault(service.image, []).append(name)
    with ThreadPoolExecutor(max(1, len(users))) as pool:
        there = pool.map(lambda image: _is_there(client, image), users)
        missing = [image for image, found in zip(users, there, strict=True) if not found]
    if missing:
        lines = [f"{', '.join(users[image])}: the image {image} is not on this machine" for image in missing]
        commands = {"aisuite images build" if image.startswith(_OURS) else "aisuite images pull" for image in missing}
        raise StepFailed("\n".join(lines), " && ".join(sorted(commands, reverse=True)))


def _is_there(client: Any, image: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.inspect_image(image)
    except ImageNotFound:
        return False
    return True
