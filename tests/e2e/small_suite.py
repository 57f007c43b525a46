"""A suite of two real processes: the vector store, and a service that aisuite does not know."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from aisuite.adapters.qdrant_rest import QdrantRest
from aisuite.cli.wiring import build_deps
from aisuite.ops.down import down
from aisuite.ops.up import UpRequest, up
from aisuite.stack.model import Role, Route, SecretUse, Service, State, Target
from aisuite.units import Seconds
from tests.e2e.suite import Ran, finish
from tests.fakes.stacks import make_service, make_stack
from tests.free_ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = "small"
DIARY = Path(__file__).with_name("diary.py")


class SmallSuite:
    """Brought up by a profile that does not exist: backup and restore must do with what lies on the disk."""

    def __init__(self, folder: Path) -> None:
        self.working = folder
        self.folder = folder / ".aisuite" / PROJECT
        self.port, store_port = free_ports(2)
        self.database = self.folder / "data" / "diary" / "pages.db"
        self.pictures = self.folder / "data" / "diary" / "pictures"
        self.stack = replace(
            make_stack(self._vectors(store_port), self._diary()),
            project=PROJECT,
            folder=self.folder,
            data=self.folder / "data",
            routes=(Route("none", (Target("diary", "none", "http://127.0.0.1:1/v1", 1),)),),  # no template without one
        )
        self.deps = build_deps(self.folder, "process", {})
        self.url = f"http://127.0.0.1:{store_port}"

    def _vectors(self, port: int) -> Service:
        environment = {
            "SERVICE_HOST": "127.0.0.1",
            "SERVICE_PORT": str(port),
            "VECTORDB_DATA_DIR": str(self.folder / "data" / "vectors"),
        }
        return replace(
            make_service("vectors", port, command=(sys.executable, "-m", "aisuite.services.vectordb")),
            role=Role.VECTORDB,
            environment=tuple(sorted(environment.items())),
            secrets=(SecretUse("service_key", "SERVICE_API_KEY_FILE", as_file=True),),
            ready_path="/readyz",
            deadline=Seconds(60),
            state=State(vectors=True),
            data=str(self.folder / "data" / "vectors"),
        )

    def _diary(self) -> Service:
        return replace(
            make_service("diary", self.port, command=(sys.executable, str(DIARY), str(self.port), str(self.database))),
            role=Role.EMBEDDING,
            deadline=Seconds(60),
            state=State(databases=(str(self.database),), folders=(str(self.pictures),), reconcile_path="/reconcile"),
        )

    def up(self) -> None:
        up(UpRequest(self.stack), self.deps)

    def down(self) -> None:
        down(self.deps)

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start an aisuite command in the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "aisuite", words[0], *words[1:], "--project", PROJECT],
            cwd=self.working,
            env=os.environ | {"PYTHONFAULTHANDLER": "1"} | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **env: str) -> Ran:
        ran = finish(self.start(*words, **env))
        assert "Traceback" not in ran.err, ran.err
        return ran

    def backup(self) -> str:
        ran = self.run("backup", "--json")
        assert ran.code == 0, ran.out
        return str(ran.json["id"])

    def write(self, *pages: str) -> None:
        for page in pages:
            httpx.post(f"http://127.0.0.1:{self.port}/write", content=page.encode()).raise_for_status()

    def fill(self, name: str, alias: str, points: Mapping[int, list[float]]) -> None:
        """Make a collection behind an alias."""
        with self._client() as client:
            body: dict[str, Any] = {"vectors": {"size": 4, "distance": "Cosine"}}
            client.put(f"/collections/{name}", json=body).raise_for_status()
            body = {"points": [{"id": one, "vector": vector, "payload": {"n": one}} for one, vector in points.items()]}
            client.put(f"/collections/{name}/points?wait=true", json=body).raise_for_status()
            action = {"create_alias": {"collection_name": name, "alias_name": alias}}
            client.post("/collections/aliases", json={"actions": [action]}).raise_for_status()

    def add_point(self, alias: str, point: int, vector: list[float]) -> None:
        with self._client() as client:
            body = {"points": [{"id": point, "vector": vector, "payload": {"n": point}}]}
            client.put(f"/collections/{alias}/points?wait=true", json=body).raise_for_status()

    def fill_all(self) -> None:
        """Put something of everything in."""
        self.write("Monday", "Tuesday")
        self.pictures.mkdir(parents=True, exist_ok=True)
        (self.pictures / "글.txt").write_text("a picture")
        self.fill("notes__1", "notes", {one: [1.0, one, 0.5, 0.25] for one in range(1, 40)})

    def change(self, word: str) -> None:
        """Make everything different from what it was."""
        self.write(word)
        (self.pictures / "글.txt").write_text(word)
        self.add_point("notes", 99, [0.1, 0.2, 0.3, float(len(word))])

    def digest(self) -> str:
        """Return a digest of all that is kept, as its clients see it; the store must run."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            pages = database.execute("SELECT id, text FROM pages ORDER BY id").fetchall()
        pictures = sorted(
            (str(one.relative_to(self.pictures)), one.read_text()) for one in self.pictures.rglob("*.txt")
        )
        collections = sorted(
            (one.aliases, one.points, sorted(one.samples.items())) for one in self.store().collections()
        )
        return hashlib.sha256(json.dumps([pages, pictures, collections]).encode()).hexdigest()

    def leftovers(self) -> list[str]:
        """Return what a restore has left beside what the services keep."""
        beside = [one.name for one in self.folder.glob("data/**/*") if ".pre-" in one.name or ".new-" in one.name]
        return beside + [one.name for one in self.folder.iterdir() if one.name.startswith("restor")]

    def snapshots(self) -> list[str]:
        """Return what lies in the vector store of what backups have made there."""
        store = self.store()
        return [name for one in store.collections() for name in store.snapshots(one.name)]

    def store(self) -> QdrantRest:
        return QdrantRest(self.url, self._key())

    def _key(self) -> str:
        return (self.folder / "secrets" / "service_key").read_text().strip()

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"api-key": self._key()}, trust_env=False, timeout=60)
