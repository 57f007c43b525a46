"""How the bed's images are made: what goes in, and the build on the engine."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from aisuite.adapters.images import DockerImages
from aisuite.errors import AisuiteError
from tests.bed.debian import Packages
from tests.bed.place import BedError, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from aisuite.ports import Recipe
    from tests.bed.images import Image
    from tests.bed.place import Bed

FOLDER = Path(__file__).parent / "images"
PYTHON_PACKAGES = (
    *("base-files", "libc-bin", "dash", "coreutils", "grep", "netbase", "tzdata", "ca-certificates"),
    *("python3", "libstdc++6", "libgomp1"),  # the last two: wheels are linked with them
)
LLAMA_PACKAGES = ("base-files", "libc-bin", "dash", "coreutils", "curl", "ca-certificates", "llama.cpp-tools")
_PYTHON_VERSION = "3.11"  # of bookworm
_C_LIBRARY = "manylinux_2_36"  # of bookworm


def python_root(apt: Path, root: Path) -> None:
    """Fill a folder with Debian's Python."""
    Packages("bookworm", apt).unpack_closure(PYTHON_PACKAGES, root)
    # The packages bring no bytecode; without it each health check would compile the standard library.
    argv = ["chroot", str(root), "python3", "-m", "compileall", "-q"]
    run([*argv, "--invalidation-mode", "unchecked-hash", f"/usr/lib/python{_PYTHON_VERSION}"])


def llama_root(apt: Path, root: Path) -> None:
    """Fill a folder with the real llama-server."""
    Packages("sid", apt).unpack_closure(LLAMA_PACKAGES, root)


def gateway(lock: Path, folder: Path) -> None:
    """Fill a folder with the real LiteLLM."""
    # The lock is complete, and overrides one of LiteLLM's own pins.
    _install(folder / "site", "--no-deps", "--require-hashes", "-r", str(lock))
    copy("litellm.py", folder)


def _install(target: Path, *what: str) -> None:
    """Install wheels for the Python in the image, whichever Python runs this."""
    place = ["--target", str(target), "--python", sys.executable, "--python-version", _PYTHON_VERSION]
    place += ["--python-platform", f"{platform.machine()}-{_C_LIBRARY}"]
    run([uv.find_uv_bin(), "pip", "install", "-q", "--no-build", *place, *what])


def copy(name: str, folder: Path) -> None:
    """Take one of the files that lie beside the recipes."""
    shutil.copy(FOLDER / name, folder)


def nothing(folder: Path) -> None:
    """Prepare nothing: the product's own builder does all by itself."""


def import_root(*changes: str) -> Callable[[Bed, Image, Path], None]:
    """Make an image of one layer; `changes` are lines of a Dockerfile."""

    def build(bed: Bed, image: Image, root: Path) -> None:
        labels = [f"LABEL {name}={json.dumps(value)}" for name, value in image.labels().items()]
        words = [word for change in (*labels, *changes) for word in ("--change", change)]
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
            assert tar.stdout is not None
            bed.docker("import", *words, "-", image.name, stdin=tar.stdout.fileno())
            tar.stdout.close()
        if tar.returncode != 0:
            raise BedError(f"tar could not read all of {root}")

    return build


def build_from(name: str, base: str) -> Callable[[Bed, Image, Path], None]:
    """Build one of the bed's own recipes on an image that is there."""

    def build(bed: Bed, image: Image, folder: Path) -> None:
        recipe = ["--file", str(FOLDER / f"{name}.Dockerfile"), "--build-arg", f"BASE={base}"]
        _docker_build(bed, image, folder, *recipe)

    return build


def build_ours(recipe: Recipe) -> Callable[[Bed, Image, Path], None]:
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
