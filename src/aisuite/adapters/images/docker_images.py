"""Images through the Docker SDK; nothing of it is imported before it is needed."""

from __future__ import annotations

import errno
import re
import shutil
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_client import connect
from aisuite.adapters.durable import SHARED, replacing
from aisuite.adapters.images.context import fingerprint, locks, make_context
from aisuite.adapters.images.failures import answering, build_failure, pull_failure
from aisuite.adapters.images.packages import ASK_PYTHON, Python, install_packages, parse_python
from aisuite.adapters.images.transfer import Disk, Layers
from aisuite.errors import DiskFull, DownloadFailed, StateUnwritable, UsageError
from aisuite.ports import LocalImage
from aisuite.stack.image_lock import parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.ports import Progress, Recipe

_RECIPE = "io.aisuite.recipe"
_PATIENCE = 3600  # seconds without a byte: loading and building are silent for long
_CHUNK = 4 * 2**20
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")


class DockerImages:
    """The images of the engine that DOCKER_HOST or docker's current context names.

    Each call has a connection of its own, so that calls may run side by side.
    """

    def find(self, reference: str) -> LocalImage | None:
        """Return an image, or None when it is not here. Raises EngineUnavailable."""
        from docker.errors import ImageNotFound

        with _engine() as client:
            try:
                found = client.inspect_image(reference)
            except ImageNotFound:
                return None
        name = parse_reference(reference).name
        known = [one.partition("@") for one in found.get("RepoDigests") or ()]
        return LocalImage(
            id=found["Id"],
            bytes=found["Size"],
            digest=next((digest for at, _, digest in known if _same_name(at, name)), None),
            recipe=(found["Config"].get("Labels") or {}).get(_RECIPE),
        )

    def pull(self, reference: str, progress: Progress) -> None:
        """Fetch an image; the engine keeps the layers that it has got when a pull breaks off.

        Raises DownloadFailed, DiskFull, EngineUnavailable.
        """
        from docker.errors import APIError

        wanted, layers = parse_reference(reference), Layers()
        with _engine() as client:
            disk = Disk(client.info().get("DockerRootDir", ""))
            disk.check(reference, 0)
            try:
                for event in client.pull(wanted.name, wanted.digest or wanted.tag, stream=True, decode=True):
                    if "error" in event:
                        raise pull_failure(reference, event["error"])
                    layers.see(event)
                    disk.check(reference, layers.total)
                    progress("downloading", layers.done, layers.total)
                if wanted.digest and wanted.tag:
                    client.tag(f"{wanted.name}@{wanted.digest}", wanted.name, wanted.tag, force=True)
            except APIError as err:
                raise pull_failure(reference, str(err.explanation or err)) from err

    def tag(self, image: str, reference: str) -> None:
        """Let a name with a tag stand for an image that is here, whatever it stood for.

        Raises DownloadFailed, EngineUnavailable.
        """
        from docker.errors import ImageNotFound

        wanted = parse_reference(reference)
        with _engine() as client:
            try:
                client.tag(image, wanted.name, wanted.tag, force=True)
            except ImageNotFound as err:
                raise DownloadFailed(f"{image} is not on this machine", "aisuite images list") from err

    def build(self, reference: str, recipe: Recipe, progress: Progress, *, force: bool = False) -> bool:
        """Make the image of our services; false when the one that is here is made from the same.

        Raises UsageError, DownloadFailed, DiskFull, StepFailed, EngineUnavailable.
        """
        base, there = self.find(recipe.base), self.find(reference)
        if base is None:
            raise UsageError(f"the base image {recipe.base} is not on this machine", f"docker pull {recipe.base}")
        made_from = fingerprint(recipe, base.id)
        if there is not None and there.recipe == made_from and not force:
            return False
        progress("asking the base image for its Python", 0, 0)
        python = _python_of(recipe.base)
        with TemporaryDirectory(prefix="aisuite-image-") as folder:
            progress("installing packages", 0, 0)
            install_packages(locks(recipe), python, Path(folder))
            context = make_context(recipe, Path(folder))
        with _engine() as client, context:
            events = client.build(
                fileobj=context,
                custom_context=True,
                tag=reference,
                labels={_RECIPE: made_from},
                rm=True,
                forcerm=True,
                decode=True,
                nocache=force,
            )
            _follow_build(reference, events, progress)
            if there is not None:
                _remove_replaced(client, there.id)
        return True

    def save(self, reference: str, target: Path, progress: Progress) -> str:
        """Write an image to a file that appears when it is whole; return its sha256.

        Raises DownloadFailed, DiskFull, StateUnwritable, EngineUnavailable.
        """
        found, digest, done = self.find(reference), sha256(), 0
        if found is None:
            raise DownloadFailed(f"{reference} is not on this machine", "aisuite images pull")
        with _written(target), _engine() as client:
            target.parent.mkdir(parents=True, exist_ok=True)
            _refuse_full(target.parent, found.bytes, reference)
            with replacing(target, SHARED) as unfinished, unfinished.open("wb") as file:
                for chunk in client.get_image(reference, chunk_size=_CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    progress("saving", done, found.bytes)
        return digest.hexdigest()

    def digest(self, source: Path, progress: Progress) -> str:
        """Return the sha256 of a saved image's file. Raises DownloadFailed when it cannot be read."""
        digest, done = sha256(), 0
        try:
            total = source.stat().st_size
            with source.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    done += len(chunk)
                    progress("checking", done, total)
        except OSError as err:
            raise DownloadFailed(f"cannot read {source}: {err.strerror}", "copy the bundle again") from err
        return digest.hexdigest()

    def load(self, source: Path, progress: Progress) -> None:
        """Give a saved image to the engine. Raises DownloadFailed, DiskFull, EngineUnavailable."""
        progress("loading", 0, 0)
        with _engine() as client, source.open("rb") as file:
            for event in client.load_image(file):
                if "error" in event:
                    raise pull_failure(str(source), event["error"])


@contextmanager
def _engine() -> Iterator[Any]:
    client = connect()
    client.timeout = _PATIENCE
    try:
        with answering():
            yield client
    finally:
        client.close()


def _same_name(full: str, name: str) -> bool:
    """Tell whether a registry's full name is this name, which Docker lets us shorten."""
    return full.removeprefix("docker.io/").removeprefix("library/") == name.removeprefix("docker.io/").removeprefix(
        "library/"
    )


def _python_of(image: str) -> Python:
    """Ask an image for its Python, in a container without a network. Raises UsageError."""
    from docker.errors import APIError

    with _engine() as client:
        host = client.create_host_config(network_mode="none", read_only=True, cap_drop=["ALL"])
        container = client.create_container(image, ["-c", ASK_PYTHON], entrypoint=["python3"], host_config=host)["Id"]
        try:
            client.start(container)
            client.wait(container)
            answer = client.logs(container, stdout=True, stderr=False).decode(errors="replace")
        except APIError as err:
            hint = "aisuite images build --base python:3.13-slim"
            raise UsageError(f"{image} cannot run python3, which the services need", hint) from err
        finally:
            client.remove_container(container, force=True, v=True)
    return parse_python(answer, image)


def _follow_build(reference: str, events: Iterator[dict[str, Any]], progress: Progress) -> None:
    last = ""
    for event in events:
        if "error" in event:
            raise build_failure(reference, event["error"], last)
        if step := _STEP.match(event.get("stream", "")):
            last = step[0].strip()
            progress(step[3], int(step[1]) - 1, int(step[2]))


def _remove_replaced(client: Any, image: str) -> None:
    """Remove an image whose name another one has got, unless it has more names or a container of it is there."""
    from docker.errors import APIError

    with suppress(APIError):
        if not client.inspect_image(image)["RepoTags"]:
            client.remove_image(image)


def _refuse_full(folder: Path, size: int, reference: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DiskFull(
            f"{reference} needs {size // 2**20} MiB below {folder}, {free // 2**20} MiB are free", f"df -h {folder}"
        )


@contextmanager
def _written(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"the disk is full: {target.parent}", f"df -h {target.parent}") from err
        raise StateUnwritable(f"cannot write {target}: {err.strerror}", f"ls -ld {target.parent}") from err
