"""The vector store of local processes, through the door that backup and restore use."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from aisuite.adapters.probe import HttpProbe
from aisuite.adapters.qdrant_rest import QdrantRest
from aisuite.errors import BackupFailed, NotRunning, RestoreFailed
from tests.contract.http_server import Reply, serve
from tests.free_ports import free_port

KEY = "a-key-for-tests"
LIMIT = 60  # seconds


class Store:
    """A running store with one collection, and the door to it."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"api-key": KEY}, timeout=LIMIT)
        self.door = QdrantRest(url, KEY)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        response = self._client.request(method, path, json=body)
        response.raise_for_status()
        return response.json()["result"]

    def add(self, collection: str, *ids: int | str) -> None:
        points = [{"id": one, "vector": [float(n), 1.0], "payload": {"n": n}} for n, one in enumerate(ids)]
        self.ask("PUT", f"/collections/{collection}/points?wait=true", {"points": points})

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("store"), free_port()
    (folder / "key").write_text(KEY)
    environment = {
        "SERVICE_API_KEY_FILE": str(folder / "key"),
        "SERVICE_PORT": str(port),
        "VECTORDB_DATA_DIR": str(folder / "data"),
        "VECTORDB_MIN_FREE_MIB": "1",
    }
    words = [sys.executable, "-m", "aisuite.services.vectordb"]
    with (folder / "log").open("w") as log, subprocess.Popen(words, env=environment, stdout=log, stderr=log) as process:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + LIMIT
        while not HttpProbe().ask(url + "/readyz").ready:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url
        process.terminate()


@pytest.fixture
def store(running: str) -> Iterator[Store]:
    store = Store(running)
    for one in store.ask("GET", "/collections")["collections"]:
        store.ask("DELETE", f"/collections/{one['name']}")
    store.ask("PUT", "/collections/notes-1", {"vectors": {"size": 2, "distance": "Cosine"}})
    store.add("notes-1", 1, 2, 3)
    store.door.switch({"notes": "notes-1"})
    yield store
    store.close()


pytestmark = pytest.mark.process


def test_a_store_says_of_what_kind_it_is(store: Store) -> None:
    assert store.door.version().startswith("embedded 1.")


def test_collections_are_described_with_aliases_counts_and_samples(store: Store) -> None:
    (facts,) = store.door.collections()
    assert (facts.name, facts.aliases, facts.points, facts.dim, facts.distance) == (
        "notes-1",
        ("notes",),
        3,
        2,
        "Cosine",
    )
    assert sorted(facts.samples) == ["1", "2", "3"]


def test_named_and_sparse_vectors_are_described_by_the_dense_one(store: Store) -> None:
    vectors = {"vectors": {"dense": {"size": 4, "distance": "Dot"}}, "sparse_vectors": {"sparse": {}}}
    store.ask("PUT", "/collections/mixed", vectors)
    facts = {one.name: one for one in store.door.collections()}["mixed"]
    assert (facts.dim, facts.distance, facts.points, facts.samples) == (4, "Dot", 0, {})


def test_the_same_points_have_the_same_digests_and_others_have_others(store: Store) -> None:
    (before,) = store.door.collections()
    store.ask("POST", "/collections/notes-1/points/payload", {"payload": {"n": 9}, "points": [2]})
    after = store.door.digests("notes", ["1", "2", "3", "77"])
    assert {one: after[one] == before.samples[one] for one in after} == {"1": True, "2": False, "3": True}


@pytest.mark.parametrize("exact", [True, False])
def test_the_vector_of_a_point_finds_it_and_its_neighbours(store: Store, exact: bool) -> None:
    found = store.door.search("notes", ["2", "77"], exact=exact)

    assert [hit.point for hit in found["2"]] == ["2", "3", "1"]
    assert found["2"][0].score == pytest.approx(1.0)
    assert found.keys() == {"2"}


def test_points_are_searched_by_a_named_dense_vector_and_those_without_one_not_at_all(store: Store) -> None:
    vectors = {"vectors": {"dense": {"size": 2, "distance": "Dot"}}, "sparse_vectors": {"words": {}}}
    store.ask("PUT", "/collections/mixed", vectors)
    words = {"indices": [1], "values": [1.0]}
    points = [{"id": 1, "vector": {"dense": [1.0, 0.0], "words": words}}, {"id": 2, "vector": {"words": words}}]
    store.ask("PUT", "/collections/mixed/points?wait=true", {"points": points})

    found = store.door.search("mixed", ["1", "2"], exact=False)

    assert {point: [hit.point for hit in hits] for point, hits in found.items()} == {"1": ["1"]}
    assert store.door.search("mixed", ["2"], exact=False) == {}


def test_a_snapshot_makes_a_collection_that_is_its_like_and_nothing_stays_behind(store: Store, tmp_path: Path) -> None:
    with store.door.snapshot("notes-1") as snapshot:
        snapshot.save(tmp_path / "a.snapshot")
        with snapshot.open() as source:
            assert source.read(1 << 20) == (tmp_path / "a.snapshot").read_bytes()
        assert snapshot.size == (tmp_path / "a.snapshot").stat().st_size
    assert store.ask("GET", "/collections/notes-1/snapshots") == []
    assert stat.S_IMODE((tmp_path / "a.snapshot").stat().st_mode) == 0o600

    store.add("notes-1", 4)
    store.door.upload(tmp_path / "a.snapshot", "notes-2")

    made = {one.name: one for one in store.door.collections()}
    assert (made["notes-2"].points, made["notes-1"].points) == (3, 4)
    assert made["notes-2"].samples.items() <= made["notes-1"].samples.items()


def test_a_snapshot_is_of_a_moment_that_each_write_ends(store: Store) -> None:
    with store.door.snapshot("notes-1") as snapshot:
        assert snapshot.moment == store.door.moment("notes-1") is not None
        store.add("notes-1", 4)
        assert snapshot.moment != store.door.moment("notes-1")


def test_one_collection_is_described_like_all(store: Store) -> None:
    (all_of_them,) = store.door.collections()
    assert store.door.describe("notes-1") == replace(all_of_them, aliases=())
    assert store.door.collections(sampled=False) == (replace(all_of_them, samples={}),)
    assert store.door.describe("letters") is None


def test_aliases_switch_together_and_may_go(store: Store) -> None:
    store.ask("PUT", "/collections/notes-2", {"vectors": {"size": 2, "distance": "Cosine"}})
    store.door.switch({"notes": "notes-2", "old-notes": "notes-1", "never-was": None})
    assert {one.name: one.aliases for one in store.door.collections()} == {
        "notes-1": ("old-notes",),
        "notes-2": ("notes",),
    }
    assert store.door.collections_by_alias() == {"notes": "notes-2", "old-notes": "notes-1"}
    store.door.switch({"old-notes": None})
    store.door.switch({"old-notes": None})
    assert {one.name: one.aliases for one in store.door.collections()}["notes-1"] == ()


def test_a_collection_is_removed_once_and_may_be_gone_already(store: Store) -> None:
    store.door.remove("notes-1")
    store.door.remove("notes-1")
    assert store.door.collections() == ()


def test_snapshots_that_lie_in_the_store_are_named_and_go_one_by_one(store: Store) -> None:
    made = [store.ask("POST", "/collections/notes-1/snapshots?wait=true")["name"] for _ in range(2)]
    assert set(store.door.snapshots("notes-1")) == set(made)

    store.door.remove_snapshot("notes-1", made[0])
    assert store.door.snapshots("notes-1") == (made[1],)
    store.door.remove_snapshot("notes-1", made[1])


def test_what_is_no_snapshot_makes_no_collection(store: Store, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear reader")
    with pytest.raises(RestoreFailed, match="refused"):
        store.door.upload(tmp_path / "letter", "notes-2")
    assert [one.name for one in store.door.collections()] == ["notes-1"]


def test_a_collection_that_is_not_there_has_no_snapshot(store: Store) -> None:
    with pytest.raises(BackupFailed, match="404"), store.door.snapshot("letters"):
        pytest.fail("there is none")


def test_a_wrong_key_is_refused_and_not_shown(running: str) -> None:
    with pytest.raises(BackupFailed, match="401") as refused:
        QdrantRest(running, "wrong-key").collections()
    assert "wrong-key" not in refused.value.message


def test_a_store_that_is_not_there_is_not_running() -> None:
    with pytest.raises(NotRunning, match="not running"):
        QdrantRest(f"http://127.0.0.1:{free_port()}", KEY).collections()


def test_a_snapshot_with_another_checksum_is_no_backup(tmp_path: Path) -> None:
    made = b'{"result": {"name": "a", "checksum": "0000"}}'
    with serve([Reply(body=made), Reply(body=b"bytes"), Reply(body=b'{"result": true}')]) as server:
        with (
            pytest.raises(BackupFailed, match="damaged on its way"),
            QdrantRest(server.url, KEY).snapshot("notes") as it,
        ):
            it.save(tmp_path / "a.snapshot")
        assert [(method, path.partition("?")[0]) for method, path, *_ in server.requests] == [
            ("POST", "/collections/notes/snapshots"),
            ("GET", "/collections/notes/snapshots/a"),
            ("DELETE", "/collections/notes/snapshots/a"),
        ]


def test_a_snapshot_that_breaks_off_is_no_backup(tmp_path: Path) -> None:
    replies = [Reply(body=b'{"result": {"name": "a"}}'), Reply(body=b"by", cut=True), Reply(body=b'{"result": true}')]
    with (
        serve(replies) as server,
        pytest.raises(BackupFailed, match="broke off"),
        QdrantRest(server.url, KEY).snapshot("notes") as snapshot,
    ):
        snapshot.save(tmp_path / "a.snapshot")


def test_a_snapshot_that_is_gone_cannot_be_fetched() -> None:
    replies = [Reply(body=b'{"result": {"name": "a"}}'), Reply(404, b"gone"), Reply(body=b'{"result": true}')]
    with (
        serve(replies) as server,
        pytest.raises(BackupFailed, match="404 gone"),
        QdrantRest(server.url, KEY).snapshot("notes") as snapshot,
        snapshot.open(),
    ):
        pytest.fail("it is gone")


def test_who_does_not_speak_json_is_no_vector_store() -> None:
    with serve([Reply(body=b"<html>")]) as server, pytest.raises(BackupFailed, match="does not speak"):
        QdrantRest(server.url, KEY).version()
