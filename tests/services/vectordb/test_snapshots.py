"""Snapshots and optimizations of a real shard; both use the engine in a second process."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from aisuite.services.vectordb import shard_worker
from aisuite.services.vectordb.archive import pack
from aisuite.services.vectordb.collection import Collection
from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.optimizer import Optimizer
from aisuite.services.vectordb.points import Update, Upsert
from aisuite.services.vectordb.schema import CollectionSchema
from aisuite.services.vectordb.settings import VectorDbSettings
from aisuite.services.vectordb.wire import check_shape

pytestmark = pytest.mark.process

SNAPSHOTS = "/collections/shapes/snapshots"


def content(api: Any, collection: str = "shapes") -> Any:
    page = api.post(f"/collections/{collection}/points/scroll", {"limit": 100, "with_vector": True})
    return page["points"]


def shard_folders(settings: VectorDbSettings) -> list[Path]:
    return list((settings.vectordb_data_dir / "collections" / "shapes").glob("shard-*"))


@pytest.fixture
def snapshot(shapes: Any) -> dict[str, Any]:
    made: dict[str, Any] = shapes.post(SNAPSHOTS, None)
    return made


def test_a_collection_goes_back_to_its_snapshot(shapes: Any, snapshot: Any, settings: VectorDbSettings) -> None:
    before = content(shapes)
    shapes.put("/collections/shapes/index", {"field_name": "form", "field_schema": "keyword"})
    shapes.post("/collections/shapes/points/delete", {"points": [1, 2]})
    shapes.put("/collections/shapes/points", {"points": [{"id": 8, "vector": [9, 9]}]})
    assert shapes.put(f"{SNAPSHOTS}/recover", {"location": snapshot["name"]}) is True
    assert content(shapes) == before
    assert shapes.get("/collections/shapes")["payload_schema"] == {}
    shapes.put("/collections/shapes/points", {"points": [{"id": 8, "vector": [9, 9]}]})
    assert shapes.count("shapes") == 4
    assert len(shard_folders(settings)) == 1


def test_snapshots_are_listed_downloaded_and_deleted(shapes: Any, snapshot: Any) -> None:
    assert [told | {"moment": snapshot["moment"]} for told in shapes.get(SNAPSHOTS)] == [snapshot]
    downloaded = shapes.client.get(f"{SNAPSHOTS}/{snapshot['name']}")
    assert len(downloaded.content) == snapshot["size"]
    assert hashlib.sha256(downloaded.content).hexdigest() == snapshot["checksum"]
    assert shapes.delete(f"{SNAPSHOTS}/{snapshot['name']}") is True
    assert shapes.get(SNAPSHOTS) == []
    assert "not found" in shapes.delete(f"{SNAPSHOTS}/{snapshot['name']}", status=404)


def test_a_snapshot_names_the_moment_that_it_is_of(shapes: Any, snapshot: Any) -> None:
    assert shapes.get("/collections/shapes")["moment"] == snapshot["moment"]
    shapes.put("/collections/shapes/points", {"points": [{"id": 8, "vector": [9, 9]}]})
    changed = shapes.get("/collections/shapes")["moment"]
    shapes.put(f"{SNAPSHOTS}/recover", {"location": snapshot["name"]})
    assert len({snapshot["moment"], changed, shapes.get("/collections/shapes")["moment"]}) == 3


def test_only_snapshots_can_be_downloaded(shapes: Any, snapshot: Any) -> None:
    for name in ("..%2F..%2Faliases.json", "%2E%2E", f"{snapshot['name']}.sha256", "*"):
        assert shapes.client.get(f"{SNAPSHOTS}/{name}").status_code in {404, 405}


def test_an_uploaded_snapshot_makes_a_collection_of_another_name(shapes: Any, snapshot: Any) -> None:
    archive = shapes.client.get(f"{SNAPSHOTS}/{snapshot['name']}").content
    shapes.delete("/collections/shapes")
    upload = {"files": {"snapshot": ("any.snapshot", archive)}, "params": {"checksum": snapshot["checksum"]}}
    answered = shapes.client.post("/collections/copy/snapshots/upload", **upload)
    assert answered.json()["result"] is True
    assert [point["id"] for point in content(shapes, "copy")] == [1, 2, 3]
    assert shapes.get("/collections/copy")["config"]["params"]["vectors"]["size"] == 2


def test_a_refused_snapshot_leaves_the_collection_as_it_was(
    shapes: Any, snapshot: Any, settings: VectorDbSettings
) -> None:
    before = content(shapes)
    archive = shapes.client.get(f"{SNAPSHOTS}/{snapshot['name']}").content
    broken = (archive[:-100], archive[:200] + bytes(100) + archive[300:], archive + b"x", b"no archive", b"")
    for content_ in broken:
        response = shapes.client.post(f"{SNAPSHOTS}/upload", files={"snapshot": ("x", content_)})
        assert response.status_code == 400, response.text
        assert "the snapshot is refused" in response.json()["status"]["error"]
    wrong = {"files": {"snapshot": ("x", archive)}, "params": {"checksum": "0" * 64}}
    assert shapes.client.post(f"{SNAPSHOTS}/upload", **wrong).status_code == 400
    assert shapes.client.post(f"{SNAPSHOTS}/upload", files={"other": ("x", archive)}).status_code == 400
    assert content(shapes) == before
    assert len(shard_folders(settings)) == 1
    assert list((settings.vectordb_data_dir / "scratch").iterdir()) == []


def test_an_archive_that_the_engine_cannot_open_is_refused(
    shapes: Any, settings: VectorDbSettings, tmp_path: Path
) -> None:
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "edge_config.json").write_text("{}")
    schema = check_shape(CollectionSchema, {"vectors": {"size": 2, "distance": "Dot"}})
    pack(tmp_path / "garbage", schema, 0, tmp_path / "packed")
    files = {"snapshot": ("x", (tmp_path / "packed").read_bytes())}
    for collection in ("shapes", "fresh"):
        response = shapes.client.post(f"/collections/{collection}/snapshots/upload", files=files)
        assert response.status_code == 400
        assert "the engine cannot open it" in response.json()["status"]["error"]
    assert shapes.count("shapes") == 3
    assert shapes.get("/collections/fresh/exists") == {"exists": False}


def test_a_snapshot_is_found_by_its_address(shapes: Any, snapshot: Any, settings: VectorDbSettings) -> None:
    path = settings.vectordb_data_dir / "snapshots" / "shapes" / snapshot["name"]
    assert shapes.put(f"{SNAPSHOTS}/recover", {"location": path.as_uri()}) is True
    outside = settings.vectordb_data_dir / "aliases.json"
    outside.write_text("{}")
    assert "not a file below" in shapes.put(f"{SNAPSHOTS}/recover", {"location": outside.as_uri()}, status=400)
    assert "http" in shapes.put(f"{SNAPSHOTS}/recover", {"location": "http://other/x"}, status=501)
    assert "not found" in shapes.put(f"{SNAPSHOTS}/recover", {"location": "../x.snapshot"}, status=404)
    path.with_name(f"{path.name}.sha256").write_text("0" * 64)
    assert "checksum" in shapes.put(f"{SNAPSHOTS}/recover", {"location": snapshot["name"]}, status=400)


def test_an_optimized_collection_has_what_was_written_meanwhile(
    shapes: Any, settings: VectorDbSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shapes.client.app.state.store
    collection: Collection = store.catalogue.find("shapes")
    finish = shard_worker.finish

    def write_and_finish(process: Any) -> int:
        shapes.put("/collections/shapes/points", {"points": [{"id": 50, "vector": [5, 0]}]})
        shapes.post("/collections/shapes/points/delete", {"points": [1]})
        assert shapes.get("/collections/shapes")["status"] == "yellow"
        return finish(process)

    monkeypatch.setattr(shard_worker, "finish", write_and_finish)
    before = shard_folders(settings)
    assert Optimizer(list).optimize(collection) is True
    assert [point["id"] for point in content(shapes)] == [2, 3, 50]
    assert shapes.get("/collections/shapes")["status"] == "green"
    (after,) = shard_folders(settings)
    assert after not in before


def test_a_failed_optimization_leaves_the_collection_and_is_told(
    shapes: Any, settings: VectorDbSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection: Collection = shapes.client.app.state.store.catalogue.find("shapes")
    start = shard_worker.start
    monkeypatch.setattr(shard_worker, "start", lambda _, folder: start("optimize", folder / "nothing"))
    before = shard_folders(settings)
    optimizer = Optimizer(list)
    assert optimizer.optimize(collection) is False
    assert optimizer.runs == {"done": 0, "failed": 1}
    assert shard_folders(settings) == before
    told = shapes.get("/collections/shapes")
    assert told["status"] == "green"
    assert "does not exist" in told["optimizer_status"]["error"]
    shapes.put("/collections/shapes/points", {"points": [{"id": 50, "vector": [5, 0]}]})
    assert shapes.count("shapes") == 4


def test_a_collection_replaced_while_it_is_optimized_keeps_its_new_content(shapes: Any, snapshot: Any) -> None:
    collection: Collection = shapes.client.app.state.store.catalogue.find("shapes")
    shapes.post("/collections/shapes/points/delete", {"points": [1]})
    copy = collection.folder / f"shard-{'0' * 32}"
    journal = collection.copy_with_journal(copy)
    shapes.put(f"{SNAPSHOTS}/recover", {"location": snapshot["name"]})
    with pytest.raises(BadRequest, match="replaced while"):
        collection.adopt_copy(copy.name, journal)
    assert shapes.count("shapes") == 3


def test_a_bulk_load_makes_an_optimization_due(shapes: Any) -> None:
    collection: Collection = shapes.client.app.state.store.catalogue.find("shapes")
    assert not collection.is_due(now=float("inf"))
    body = check_shape(Upsert, {"points": [{"id": 1, "vector": [1, 2]}]})
    (update,) = body.updates(collection.schema)
    collection.apply([Update(update.operation, 5000)])
    assert not collection.is_due(now=0.0)
    assert collection.is_due(now=float("inf"))
    collection.copy_with_journal(collection.folder / f"shard-{'0' * 32}")
    assert not collection.is_due(now=float("inf"))
