"""A shelf that keeps its bundles in memory; files come from and go to real paths."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aisuite.bundle.identity import taken_at
from aisuite.bundle.manifest import check_path, parse_manifest, render_manifest
from aisuite.bundle.model import BundleFile, Kind, Level, Manifest, Verified
from aisuite.errors import BackupFailed, BundleDamaged, StateUnwritable, UsageError
from aisuite.ports.archive import Stream

_LEVELS = tuple(Level)


class FakeStaging:
    """Takes files into memory."""

    def __init__(self, shelf: FakeShelf, bundle: str, scratch: Path) -> None:
        self._shelf = shelf
        self._bundle = bundle
        self._scratch = scratch
        self._contents: dict[str, bytes] = {}
        self._files: list[BundleFile] = []

    @property
    def scratch(self) -> Path:
        return self._scratch

    def add(
        self,
        source: Path,
        path: str,
        kind: Kind,
        *,
        service: str | None = None,
        restores_to: str | None = None,
        compress: bool = True,
    ) -> BundleFile:
        check_path(path)
        if source.is_symlink() or not source.is_file():
            raise BackupFailed(f"cannot back up {source}")
        return self._keep(source.read_bytes(), BundleFile(path, kind, 0, "", service, restores_to), compress=compress)

    def receive(
        self, source: Stream, path: str, kind: Kind, *, service: str | None = None, compress: bool = True
    ) -> BundleFile:
        return self._keep(source.read(-1), BundleFile(check_path(path), kind, 0, "", service), compress=compress)

    def _keep(self, content: bytes, file: BundleFile, *, compress: bool) -> BundleFile:
        digest = hashlib.sha256(content).hexdigest()
        file = replace(file, size=len(content), sha256=digest)
        if compress:
            file = replace(file, unpacked_size=len(content), unpacked_sha256=digest)
        self._contents[file.path] = content
        self._files.append(file)
        return file

    def publish(self, manifest: Manifest) -> None:
        if manifest.id != self._bundle or set(manifest.files) != set(self._files):
            raise BackupFailed("the manifest does not list what was put into the backup")
        parse_manifest(render_manifest(manifest), manifest.id)
        self._shelf.put(manifest, self._contents)


class FakeShelf:
    """Keeps bundles; tests `damage` them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bundles: dict[str, tuple[Manifest, dict[str, bytes]]] = {}
        self._verified: dict[str, Verified] = {}

    @property
    def path(self) -> Path:
        return self._path

    @contextmanager
    def stage(self, bundle: str) -> Iterator[FakeStaging]:
        if taken_at(bundle) is None:
            raise ValueError(bundle)
        if bundle in self._bundles:
            raise BackupFailed(f"{bundle} is there already")
        with self.scratch() as scratch:
            yield FakeStaging(self, bundle, scratch)

    def put(self, manifest: Manifest, contents: dict[str, bytes]) -> None:
        """Lay a bundle on the shelf."""
        self._bundles[manifest.id] = (manifest, contents)

    def damage(self, bundle: str, path: str) -> None:
        """Change a file of a bundle behind the manifest's back."""
        self._bundles[bundle][1][path] += b"?"

    def list(self) -> tuple[str, ...]:
        return tuple(sorted(self._bundles))

    def manifest(self, bundle: str) -> Manifest:
        return self._find(bundle)[0]

    def check(self, bundle: str) -> Manifest:
        manifest, contents = self._find(bundle)
        for file in manifest.files:
            self._compare(bundle, file, contents)
        return manifest

    def adopt(self, folder: Path) -> None:
        if folder.name in self._bundles:
            raise BackupFailed(f"{folder.name} is there already")
        manifest = parse_manifest((folder / "manifest.json").read_text(), folder.name)
        self.put(manifest, {file.path: (folder / file.path).read_bytes() for file in manifest.files})
        shutil.rmtree(folder)

    def extract(self, bundle: str, file: BundleFile, target: Path) -> None:
        content = self._compare(bundle, file, self._find(bundle)[1])
        if target.exists():
            raise StateUnwritable(f"cannot use {target}: File exists")
        with target.open("xb") as writing:
            writing.write(content)
        target.chmod(0o600)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        self._path.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self._path))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch)

    def verified(self, bundle: str) -> Verified | None:
        self._find(bundle)
        return self._verified.get(bundle)

    def set_verified(self, bundle: str, verified: Verified | None) -> None:
        known = self.verified(bundle)
        if verified is None:
            self._verified.pop(bundle, None)
        elif known is None or _LEVELS.index(verified.level) >= _LEVELS.index(known.level):
            self._verified[bundle] = verified

    def remove(self, bundle: str) -> None:
        self._find(bundle)
        del self._bundles[bundle]
        self._verified.pop(bundle, None)

    def _find(self, bundle: str) -> tuple[Manifest, dict[str, bytes]]:
        if bundle not in self._bundles:
            raise UsageError(f"there is no backup {bundle!r}", "aisuite backup list")
        return self._bundles[bundle]

    def _compare(self, bundle: str, file: BundleFile, contents: dict[str, bytes]) -> bytes:
        content = contents.get(file.path, b"")
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise BundleDamaged(f"backup {bundle} is damaged: {file.path}")
        return content
