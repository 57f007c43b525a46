"""The images of the stack without a registry, under the names that the profiles ask for."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from aisuite import __version__
from aisuite.adapters.images import DockerImages, context
from aisuite.errors import AisuiteError
from aisuite.ports import Recipe
from aisuite.profile.model import Images
from aisuite.resources import find_data_dir
from tests.bed.debian import Packages
from tests.bed.place import BedError, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bed.place import Bed

PYTHON = "aisuite-bed/python:3.11"
_VECTORDB = "aisuite-bed/vectordb:1"
_RECIPE = "aisuite.bed.recipe"  # label: what an image was made of; another value makes it anew
_CONTAINS = "aisuite.bed.contains"  # label: what is really inside, whatever the image is called
_HERE = Path(__file__).parent
_CHECKOUT = _HERE.parents[1]
_PYTHON_VERSION = "3.11"  # of bookworm
_C_LIBRARY = "manylinux_2_36"  # of bookworm
_PYTHON_PACKAGES = (
    *("base-files", "libc-bin", "dash", "coreutils", "grep", "netbase", "tzdata", "ca-certificates"),
    *("python3", "libstdc++6", "libgomp1"),  # the last two: wheels are linked with them
)
_LLAMA_PACKAGES = ("base-files", "libc-bin", "dash", "coreutils", "curl", "ca-certificates", "llama.cpp-tools")


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
    wanted, apt, this = Images(), bed.root / "apt", _digest_files(Path(__file__), _HERE / "debian.py")
    python = _digest(this, *_PYTHON_PACKAGES)
    lock = find_data_dir("templates") / "gateway" / "requirements.txt"
    service, vectordb = Recipe(PYTHON), Recipe(PYTHON, vectordb=True)
    ours, store = _digest(python, _digest_service(service)), _digest(python, _digest_service(vectordb))
    return (
        Image(PYTHON, python, lambda folder: _python_root(apt, folder), _import, "Python of Debian 12"),
        Image(
            wanted.llama,
            _digest(this, *_LLAMA_PACKAGES),
            lambda folder: Packages("sid", apt).unpack_closure(_LLAMA_PACKAGES, folder),
            _import_llama,
            "llama-server of Debian, for the CPU",
        ),
        Image(
            wanted.gateway,
            _digest(python, _digest_files(lock, *_recipe("gateway", "litellm.py"))),
            lambda folder: _gateway(lock, folder),
            _build("gateway", PYTHON),
            "LiteLLM of PyPI, as locked by templates/gateway/requirements.txt",
        ),
        Image(wanted.service, ours, _nothing, _build_ours(service), f"aisuite.services {__version__} of this checkout"),
        Image(_VECTORDB, store, _nothing, _build_ours(vectordb), "aisuite.services.vectordb of this checkout"),
        Image(
            wanted.qdrant,
            _digest(store, _digest_files(*_recipe("qdrant", "qdrant-entrypoint.sh"))),
            lambda folder: _copy("qdrant-entrypoint.sh", folder),
            _build("qdrant", _VECTORDB),
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


def _python_root(apt: Path, root: Path) -> None:
    Packages("bookworm", apt).unpack_closure(_PYTHON_PACKAGES, root)
    # The packages bring no bytecode; without it each health check would compile the standard library.
    argv = ["chroot", str(root), "python3", "-m", "compileall", "-q"]
    run([*argv, "--invalidation-mode", "unchecked-hash", f"/usr/lib/python{_PYTHON_VERSION}"])


def _gateway(lock: Path, folder: Path) -> None:
    # The lock is complete, and overrides one of LiteLLM's own pins.
    _install(folder / "site", "--no-deps", "--require-hashes", "-r", str(lock))
    _copy("litellm.py", folder)


def _install(target: Path, *what: str) -> None:
    """Install wheels for the Python in the image, whichever Python runs this."""
    place = ["--target", str(target), "--python", sys.executable, "--python-version", _PYTHON_VERSION]
    place += ["--python-platform", f"{platform.machine()}-{_C_LIBRARY}"]
    run([uv.find_uv_bin(), "pip", "install", "-q", "--no-build", *place, *what])


def _copy(name: str, folder: Path) -> None:
    shutil.copy(_HERE / "images" / name, folder)


def _nothing(folder: Path) -> None:
    """Prepare nothing: the product's own builder does all by itself."""


def _import(bed: Bed, image: Image, root: Path, *changes: str) -> None:
    labels = [f"LABEL {name}={json.dumps(value)}" for name, value in image.labels().items()]
    words = [word for change in (*labels, *changes) for word in ("--change", change)]
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        assert tar.stdout is not None
        bed.docker("import", *words, "-", image.name, stdin=tar.stdout.fileno())
        tar.stdout.close()
    if tar.returncode != 0:
        raise BedError(f"tar could not read all of {root}")


def _import_llama(bed: Bed, image: Image, root: Path) -> None:
    _import(bed, image, root, 'ENTRYPOINT ["/usr/bin/llama-server"]', "ENV LC_ALL=C.UTF-8")


def _build(name: str, base: str) -> Callable[[Bed, Image, Path], None]:
    def build(bed: Bed, image: Image, folder: Path) -> None:
        recipe = ["--file", str(_HERE / "images" / f"{name}.Dockerfile"), "--build-arg", f"BASE={base}"]
        _docker_build(bed, image, folder, *recipe)

    return build


def _build_ours(recipe: Recipe) -> Callable[[Bed, Image, Path], None]:
    """Let the product make the image; only the bed's labels are added."""

    def build(bed: Bed, image: Image, folder: Path) -> None:
        try:
            with bed.as_environment():
                DockerImages().build(image.name, recipe, lambda _stage, _done, _total: None)
        except AisuiteError as err:
            raise BedError(f"aisuite cannot build {image.name}: {err}", err.hint) from err
        (folder / "Dockerfile").write_text(f"FROM {image.name}\n")
        _docker_build(bed, image, folder)

    return build


def _docker_build(bed: Bed, image: Image, folder: Path, *words: str) -> None:
    labels = [word for pair in image.labels().items() for word in ("--label", "=".join(pair))]
    # No network: everything that goes in lies in the folder.
    bed.docker("build", "--quiet", "--network", "none", *words, *labels, "--tag", image.name, str(folder))


def _recipe(name: str, *beside: str) -> list[Path]:
    """Return the files that say how an image is built."""
    return [_HERE / "images" / file for file in (f"{name}.Dockerfile", *beside)]


def _digest_service(recipe: Recipe) -> str:
    sources = (f"{name}\0{content.decode()}" for name, content in context.sources().items())
    return _digest(context.dockerfile(recipe), *(path.read_text() for path in context.locks(recipe)), *sources)


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()[:16]


def _digest_files(*paths: Path) -> str:
    return _digest(*(f"{path.relative_to(_CHECKOUT)}\0{path.read_text(encoding='utf-8')}" for path in paths))
