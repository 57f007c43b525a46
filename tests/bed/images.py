"""The images of the stack without a registry, under the names that the profiles ask for."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite import __version__
from aisuite.adapters.images import context
from aisuite.ports import Recipe
from aisuite.profile.model import Images
from aisuite.resources import find_data_dir
from tests.bed import making, monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bed.place import Bed

PYTHON = "aisuite-bed/python:3.11"
PROMETHEUS = "aisuite-bed/prometheus:1"
ALERTMANAGER = "aisuite-bed/alertmanager:1"
_VECTORDB = "aisuite-bed/vectordb:1"
_RECIPE = "aisuite.bed.recipe"  # label: what an image was made of; another value makes it anew
_CONTAINS = "aisuite.bed.contains"  # label: what is really inside, whatever the image is called
_HERE = Path(__file__).parent
_CHECKOUT = _HERE.parents[1]


@dataclass(frozen=True)
class Image:
    """One image: `prepare` fills a folder without the engine, `build` makes the image from it."""

    name: str
    recipe: str
    prepare: Callable[[Path], None]
    build: Callable[[Bed, Image, Path], None]
    contains: str

    def labels(self) -> dict[str, str]:
        return {_RECIPE: self.recipe, _CONTAINS: self.contains}


def catalogue(bed: Bed) -> tuple[Image, ...]:
    """Return all images, each after those that it is made from."""
    apt, this = bed.root / "apt", _digest_files(_HERE / "making.py", _HERE / "debian.py")
    python = _digest(this, *making.PYTHON_PACKAGES)
    return (
        Image(
            PYTHON, python, lambda folder: making.python_root(apt, folder), making.import_root(), "Python of Debian 12"
        ),
        Image(
            Images().llama,
            _digest(this, *making.LLAMA_PACKAGES),
            lambda folder: making.llama_root(apt, folder),
            making.import_root('ENTRYPOINT ["/usr/bin/llama-server"]', "ENV LC_ALL=C.UTF-8"),
            "llama-server of Debian, for the CPU",
        ),
        _gateway(python),
        *_monitoring(apt, _digest(this, _digest_files(_HERE / "monitoring.py"))),
        *_services(python),
    )


def _gateway(python: str) -> Image:
    lock = find_data_dir("templates") / "gateway" / "requirements.txt"
    return Image(
        Images().gateway,
        _digest(python, _digest_files(lock, *_recipe("gateway", "litellm.py"))),
        lambda folder: making.gateway(lock, folder),
        making.build_from("gateway", PYTHON),
        "LiteLLM of PyPI, as locked by templates/gateway/requirements.txt",
    )


def _monitoring(apt: Path, recipe: str) -> tuple[Image, ...]:
    return (
        Image(
            PROMETHEUS,
            recipe,
            lambda folder: monitoring.prometheus_root(apt, folder),
            making.import_root(*monitoring.changes("prometheus", "--storage.tsdb.path", 9090)),
            "Prometheus of Debian",
        ),
        Image(
            ALERTMANAGER,
            recipe,
            lambda folder: monitoring.alertmanager_root(apt, folder),
            making.import_root(*monitoring.changes("alertmanager", "--storage.path", 9093)),
            "Alertmanager of Debian",
        ),
    )


def _services(python: str) -> tuple[Image, ...]:
    """Return our own image, and the store's with the one that stands in for Qdrant's."""
    service, vectordb = Recipe(PYTHON), Recipe(PYTHON, vectordb=True)
    store = _digest(python, _digest_service(vectordb))
    return (
        Image(
            Images().service,
            _digest(python, _digest_service(service)),
            making.nothing,
            making.build_ours(service),
            f"aisuite.services {__version__} of this checkout",
        ),
        Image(
            _VECTORDB,
            store,
            making.nothing,
            making.build_ours(vectordb),
            "aisuite.services.vectordb of this checkout",
        ),
        Image(
            Images().qdrant,
            _digest(store, _digest_files(*_recipe("qdrant", "qdrant-entrypoint.sh"))),
            lambda folder: making.copy("qdrant-entrypoint.sh", folder),
            making.build_from("qdrant", _VECTORDB),
            "a stand-in, not Qdrant: aisuite.services.vectordb of this checkout",
        ),
    )


def outdated(bed: Bed, images: tuple[Image, ...]) -> list[Image]:
    """Return those that are absent from the engine or made from something else than today."""
    argv = bed.docker_argv("image", "inspect", *(image.name for image in images))
    # It fails when one is absent, and yet describes the others.
    result = subprocess.run(argv, env=bed.variables(), capture_output=True, text=True, check=False)
    found = {
        name: (described["Config"].get("Labels") or {}).get(_RECIPE)
        for described in json.loads(result.stdout or "[]")
        for name in described["RepoTags"]
    }
    return [image for image in images if found.get(image.name) != image.recipe]


def remove_replaced(bed: Bed) -> None:
    """Remove images of the bed that lost their name to a newer one."""
    bed.docker("image", "prune", "--force", "--filter", f"label={_RECIPE}")


def _recipe(name: str, *beside: str) -> list[Path]:
    """Return the files that say how an image is built."""
    return [making.FOLDER / file for file in (f"{name}.Dockerfile", *beside)]


def _digest_service(recipe: Recipe) -> str:
    sources = (f"{name}\0{content.decode()}" for name, content in context.sources().items())
    return _digest(context.dockerfile(recipe), *(path.read_text() for path in context.locks(recipe)), *sources)


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()[:16]


def _digest_files(*paths: Path) -> str:
    return _digest(*(f"{path.relative_to(_CHECKOUT)}\0{path.read_text(encoding='utf-8')}" for path in paths))
