"""Images in memory: an engine's store, and the registry that it fetches from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from aisuite.errors import DownloadFailed, UsageError
from aisuite.ports import LocalImage, Recipe
from aisuite.stack.image_lock import parse_reference

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.ports import Progress


def hashed(text: str) -> str:
    return "sha256:" + sha256(text.encode()).hexdigest()


@dataclass
class FakeImages:
    """`registry` is what can be fetched: reference -> content; `here` what the engine has."""

    registry: dict[str, str] = field(default_factory=dict)
    here: dict[str, LocalImage] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    untagged: dict[str, LocalImage] = field(default_factory=dict)  # by id: images stay when their names move on

    def find(self, reference: str) -> LocalImage | None:
        if reference in self.here:
            return self.here[reference]
        if reference in self.untagged:
            return self.untagged[reference]
        wanted = parse_reference(reference)
        if wanted.digest is None:
            return None
        known = (image for name, image in self.here.items() if parse_reference(name).name == wanted.name)
        return next((image for image in known if image.digest == wanted.digest), None)

    def pull(self, reference: str, progress: Progress) -> None:
        self.asked.append(reference)
        wanted = parse_reference(reference)
        content = self.registry.get(wanted.tagged)
        if content is None or wanted.digest not in {None, hashed(content)}:
            raise DownloadFailed(f"cannot fetch {reference}: manifest unknown", "aisuite images list")
        progress("downloading", len(content), len(content))
        image = LocalImage(hashed("id " + content), len(content), hashed(content))
        self.here[wanted.tagged] = self.untagged[image.id] = image

    def tag(self, image: str, reference: str) -> None:
        found = self.find(image)
        if found is None:
            raise DownloadFailed(f"{image} is not on this machine", "aisuite images list")
        self.here[parse_reference(reference).tagged] = found

    def build(self, reference: str, recipe: Recipe, progress: Progress, *, force: bool = False) -> bool:
        base, there = self.find(recipe.base), self.find(reference)
        if base is None:
            raise UsageError(f"the base image {recipe.base} is not on this machine")
        made_from = f"{base.id} {recipe.vectordb} {recipe.fastembed}"
        if there is not None and there.recipe == made_from and not force:
            return False
        progress("FROM", 0, 1)
        self.here[reference] = LocalImage(hashed(made_from), 1, None, made_from)
        return True

    def save(self, reference: str, target: Path, progress: Progress) -> str:
        image = self.find(reference)
        if image is None:
            raise DownloadFailed(f"{reference} is not on this machine")
        text = json.dumps({"reference": reference, "id": image.id, "bytes": image.bytes})
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        progress("saving", image.bytes, image.bytes)
        return sha256(text.encode()).hexdigest()

    def digest(self, source: Path, progress: Progress) -> str:
        if not source.is_file():
            raise DownloadFailed(f"cannot read {source}: No such file or directory", "copy the bundle again")
        progress("checking", 1, 1)
        return sha256(source.read_bytes()).hexdigest()

    def load(self, source: Path, progress: Progress) -> None:
        saved = json.loads(source.read_text())
        progress("loading", 0, 0)
        self.here[saved["reference"]] = LocalImage(saved["id"], saved["bytes"], None)
