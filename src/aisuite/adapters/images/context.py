"""What the engine gets to build our service image from: the same installation gives the same bytes."""

from __future__ import annotations

import io
import tarfile
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import aisuite
from aisuite.resources import find_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aisuite.ports import Recipe

_PACKAGE = Path(aisuite.__file__).parent
# They name the machine that installed, or the Python that it has.
_NOT_CARRIED = frozenset({"RECORD", "INSTALLER", "REQUESTED", "uv_cache.json", ".lock"})


def locks(recipe: Recipe) -> tuple[Path, ...]:
    """Return the files that name every package of the image with its hashes."""
    folder = find_data_dir("templates") / "images"
    more = {"vectordb": recipe.vectordb, "fastembed": recipe.fastembed}
    return tuple(folder / f"{part}.txt" for part in ("services", *(part for part, wanted in more.items() if wanted)))


def dockerfile(recipe: Recipe) -> str:
    """Return the rendered Dockerfile."""
    import jinja2

    template = find_data_dir("templates") / "images" / "service.Dockerfile.j2"
    rendered: str = jinja2.Template(
        template.read_text(encoding="utf-8"), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    ).render(version=aisuite.__version__, base=recipe.base)
    return rendered


def sources() -> dict[str, bytes]:
    """Return the services as installed here, by path below `app`; nothing else of aisuite is in the image."""
    paths = [_PACKAGE / "__init__.py", *(_PACKAGE / "services").rglob("*.py")]
    return {f"aisuite/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes() for path in sorted(paths)}


def fingerprint(recipe: Recipe, base_id: str) -> str:
    """Return what an image is made from, in one word, before anything is fetched for it."""
    parts = [base_id.encode(), dockerfile(recipe).encode(), *(path.read_bytes() for path in locks(recipe))]
    parts += [piece for name, content in sources().items() for piece in (name.encode(), content)]
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def make_context(recipe: Recipe, site: Path) -> io.BytesIO:
    """Return the build context as a tar: names sorted, no times, no owners."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, {"Dockerfile": dockerfile(recipe).encode()})
        _add(tar, {f"app/{name}": content for name, content in sources().items()})
        for name, path in _carried(site):
            _add(tar, {f"site/{name}": path.read_bytes()})
    packed.seek(0)
    return packed


def _carried(site: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(site.rglob("*")):
        name = PurePosixPath(path.relative_to(site))
        # Start scripts in bin/ name the host's Python.
        if path.is_file() and name.parts[0] != "bin" and name.name not in _NOT_CARRIED and name.suffix != ".pyc":
            yield str(name), path


def _add(tar: tarfile.TarFile, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o644
        tar.addfile(entry, io.BytesIO(content))
