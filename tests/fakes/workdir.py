"""A project folder in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from aisuite.errors import ProjectLocked


class FakeWorkdir:
    """`files` is what it holds; `holder` is the command that works on it now."""

    def __init__(self, folder: Path = Path("/srv/aisuite/.aisuite/aisuite"), files: Mapping[str, str] | None = None):
        self._folder = folder
        self.files = dict(files or {})
        self.links: dict[str, str] = {}
        self.holder: str | None = None

    @property
    def folder(self) -> Path:
        return self._folder

    @contextmanager
    def lock(self, purpose: str) -> Iterator[None]:
        if self.holder is not None:
            since = time.strftime("%H:%M:%S")
            raise ProjectLocked(f"{self.holder} (pid 1, since {since}) works on {self._folder} now", "kill 1")
        self.holder = purpose
        try:
            yield
        finally:
            self.holder = None

    def write(self, files: Mapping[str, str]) -> tuple[str, ...]:
        changed = tuple(name for name, text in files.items() if self.files.get(_checked(name)) != text)
        self.files.update({name: files[name] for name in changed})
        return changed

    def read(self, name: str) -> str | None:
        return self.files.get(self._followed(name))

    def list_folder(self, name: str) -> tuple[str, ...]:
        place = PurePosixPath(self._followed(name))
        inside = [
            PurePosixPath(path).relative_to(place) for path in self.files if PurePosixPath(path).is_relative_to(place)
        ]
        return tuple(sorted({path.parts[0] for path in inside if path.parts}))

    def ensure_secret(self, name: str) -> Path:
        if f"secrets/{name}" not in self.files:
            key = ("sk-" if name == "gateway_key" else "") + f"{len(self.files):064x}"
            self.write({f"secrets/{name}": key})
            if name == "gateway_key":
                self.write({f"secrets/{name}.header": f"Authorization: Bearer {key}\n"})
        return self._folder / "secrets" / name

    def remove(self, name: str) -> None:
        _checked(name)
        self.files = {
            path: text for path, text in self.files.items() if path != name and not path.startswith(name + "/")
        }
        self.links.pop(name, None)

    def link(self, name: str, target: str) -> None:
        self.links[_checked(name)] = _checked(target)

    def _followed(self, name: str) -> str:
        first, _, rest = _checked(name).partition("/")
        return f"{self.links[first]}/{rest}".rstrip("/") if first in self.links else name


def _checked(name: str) -> str:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise ValueError(f"{name!r} is not a name below the project folder")
    return name
