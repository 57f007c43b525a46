"""Collections and aliases: made, described, changed and removed."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from aisuite.services.common.errors import StartError
from aisuite.services.vectordb.app import create_app
from aisuite.services.vectordb.catalogue import Catalogue
from aisuite.services.vectordb.collection import Limits
from aisuite.services.vectordb.settings import VectorDbSettings

DENSE = {"vectors": {"size": 2, "distance": "Cosine"}}
HYBRID = {
    "vectors": {
        "text": {"size": 3, "distance": "Euclid", "on_disk": True, "datatype": "float16"},
        "colbert": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
    },
    "sparse_vectors": {"words": {"modifier": "idf", "index": {"on_disk": False}}},
    "hnsw_config": {"m": 8},
    "metadata": {"owner": "나"},
}


def folders_of(api: Any) -> list[str]:
    root = api.client.app.state.store.catalogue.scratch.parent / "collections"
    return [folder.name for folder in root.iterdir()]


def test_a_collection_is_made_listed_described_and_removed(api: Any) -> None:
    assert api.put("/collections/notes", DENSE) is True
    assert api.get("/collections") == {"collections": [{"name": "notes"}]}
    told = api.get("/collections/notes")
    assert (told["status"], told["optimizer_status"], told["points_count"]) == ("green", "ok", 0)
    assert told["config"]["params"]["vectors"] == {"size": 2, "distance": "Cosine"}
    assert told["config"]["params"]["shard_number"] == 1
    assert api.get("/collections/notes/exists") == {"exists": True}
    assert api.delete("/collections/notes") is True
    assert api.delete("/collections/notes") is False
    assert api.get("/collections/notes/exists") == {"exists": False}
    assert "`notes` doesn't exist" in api.get("/collections/notes", status=404)


def test_the_config_told_is_the_config_given(api: Any) -> None:
    api.put("/collections/all", HYBRID)
    config = api.get("/collections/all")["config"]
    assert config["params"]["vectors"] == HYBRID["vectors"]
    assert config["params"]["sparse_vectors"] == HYBRID["sparse_vectors"]
    assert config["metadata"] == {"owner": "나"}
    assert (config["hnsw_config"]["m"], config["hnsw_config"]["ef_construct"]) == (8, 100)


def test_a_name_in_use_is_refused(api: Any) -> None:
    api.put("/collections/notes", DENSE)
    assert "already exists" in api.put("/collections/notes", DENSE, status=409)


@pytest.mark.parametrize("name", ["..", ".hidden", "a\\b", "a:b", "a*b", "a%00b", "a%0Ab", "x" * 201, "가" * 67])
def test_a_name_that_is_no_plain_file_name_is_refused(unchanged: Any, name: str) -> None:
    escaped = name.replace("..", "%2E%2E")
    unchanged.put(f"/collections/{escaped}", DENSE, status=422)
    assert folders_of(unchanged) == ["shapes"]


def test_a_name_cannot_leave_the_data_folder(client: TestClient, settings: VectorDbSettings) -> None:
    assert client.put("/collections/..%2F..%2Fevil", json=DENSE).status_code in {404, 405}
    assert not (settings.vectordb_data_dir.parent / "evil").exists()


def test_a_korean_name_works(api: Any) -> None:
    api.put("/collections/한국어 문서", DENSE)
    assert api.count("한국어 문서") == 0


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        ({}, 422, "at least one vector"),
        ({"vectors": {"size": 0, "distance": "Dot"}}, 422, "vectors..size"),
        ({"vectors": {"size": 70_000, "distance": "Dot"}}, 422, "vectors..size"),
        ({"vectors": {"size": "4", "distance": "Dot"}}, 422, "vectors..size"),
        ({"vectors": {"size": 4, "distance": "Far"}}, 422, "distance"),
        ({"vectors": {"a/b": {"size": 4, "distance": "Dot"}}}, 422, "vector name"),
        ({"vectors": {"a": {"size": 4, "distance": "Dot"}}, "sparse_vectors": {"a": {}}}, 422, "given twice"),
        (DENSE | {"colour": "red"}, 422, "colour"),
        (DENSE | {"shard_number": 2}, 501, "shard_number above 1"),
        (DENSE | {"quantization_config": {"scalar": {"type": "int8"}}}, 501, "quantization_config"),
        (DENSE | {"optimizers_config": {"memmap_threshold": 1}}, 501, "memmap_threshold"),
        (DENSE | {"strict_mode_config": {"enabled": True}}, 501, "strict_mode_config"),
        ({"vectors": {"size": 4, "distance": "Dot", "datatype": "turbo8"}}, 501, "turbo8"),
        ([], 422, "body"),
    ],
)
def test_a_wrong_or_unsupported_schema_is_refused_and_leaves_nothing(
    unchanged: Any, body: Any, status: int, complaint: str
) -> None:
    assert complaint in unchanged.put("/collections/notes", body, status=status)
    assert folders_of(unchanged) == ["shapes"]


def test_harmless_defaults_of_the_server_are_accepted(api: Any) -> None:
    api.put("/collections/notes", DENSE | {"shard_number": 1, "replication_factor": 1, "quantization_config": None})


def test_a_vector_may_be_named_size(api: Any) -> None:
    api.put("/collections/notes", {"vectors": {"size": {"size": 2, "distance": "Dot"}}})
    assert api.get("/collections/notes")["config"]["params"]["vectors"]["size"]["size"] == 2


def test_settings_of_a_collection_are_changed_and_kept(api: Any) -> None:
    api.put("/collections/notes", DENSE | {"metadata": {"a": 1}})
    api.put("/collections/notes/points", {"points": [{"id": 1, "vector": [1, 2]}]})
    change = {"optimizers_config": {"indexing_threshold": 7}, "hnsw_config": {"m": 4}, "metadata": {"b": 2}}
    assert api.ask("PATCH", "/collections/notes", change) is True
    config = api.get("/collections/notes")["config"]
    assert config["optimizer_config"]["indexing_threshold"] == 7
    assert config["hnsw_config"]["m"] == 4
    assert config["metadata"] == {"a": 1, "b": 2}
    assert api.count("notes") == 1
    assert "quantization_config" in api.ask("PATCH", "/collections/notes", {"quantization_config": {}}, 501)


def test_everything_is_back_after_a_restart(settings: VectorDbSettings) -> None:
    headers = {"api-key": "a-key-for-tests"}
    with TestClient(create_app(settings), headers=headers) as client:
        client.put("/collections/all", json=HYBRID)
        vectors = {"text": [1, 2, 3], "colbert": [[1, 2], [3, 4]], "words": {"indices": [3], "values": [0.5]}}
        client.put("/collections/all/points", json={"points": [{"id": 1, "vector": vectors, "payload": {"a": 1}}]})
        client.post("/collections/aliases", json=alias("create", collection_name="all", alias_name="other"))
        before = client.get("/collections/all").json()["result"]
        point = client.get("/collections/all/points/1").json()["result"]
    with TestClient(create_app(settings), headers=headers) as client:
        after = client.get("/collections/other").json()["result"]
        assert after.pop("moment") != before.pop("moment"), "nobody counted what was written while it was down"
        assert after == before
        assert client.get("/collections/other/points/1").json()["result"] == point
        assert point["vector"] == vectors


def alias(kind: str, **names: str) -> dict[str, Any]:
    return {"actions": [{f"{kind}_alias": names}]}


def test_an_alias_stands_for_its_collection_everywhere(shapes: Any) -> None:
    shapes.post("/collections/aliases", alias("create", collection_name="shapes", alias_name="forms"))
    assert shapes.count("forms") == 3
    assert shapes.get("/collections/forms")["points_count"] == 3
    assert shapes.get("/collections/forms/exists") == {"exists": True}
    assert shapes.get("/aliases") == {"aliases": [{"alias_name": "forms", "collection_name": "shapes"}]}
    assert shapes.get("/collections/shapes/aliases")["aliases"][0]["alias_name"] == "forms"
    assert shapes.delete("/collections/forms") is False
    assert shapes.delete("/collections/shapes") is True
    assert shapes.get("/aliases") == {"aliases": []}


def test_aliases_change_together_or_not_at_all(api: Any) -> None:
    for name in ("old", "new"):
        api.put(f"/collections/{name}", DENSE)
    api.post("/collections/aliases", alias("create", collection_name="old", alias_name="live"))
    swap = [
        {"delete_alias": {"alias_name": "live"}},
        {"create_alias": {"collection_name": "new", "alias_name": "live"}},
        {"rename_alias": {"old_alias_name": "gone", "new_alias_name": "back"}},
    ]
    assert "gone" in api.post("/collections/aliases", {"actions": swap}, status=404)
    assert api.get("/aliases") == {"aliases": [{"alias_name": "live", "collection_name": "old"}]}
    api.post("/collections/aliases", {"actions": swap[:2]})
    api.post("/collections/aliases", alias("rename", old_alias_name="live", new_alias_name="current"))
    assert api.get("/aliases") == {"aliases": [{"alias_name": "current", "collection_name": "new"}]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (alias("create", collection_name="shapes", alias_name="shapes"), 409),
        (alias("create", collection_name="nothing", alias_name="a"), 404),
        (alias("create", collection_name="shapes", alias_name="a/b"), 422),
        (alias("delete", alias_name="nothing"), 404),
        ({"actions": [{}]}, 422),
        ({"actions": [{"delete_alias": {"alias_name": "a"}, "create_alias": None}]}, 422),
    ],
)
def test_a_wrong_alias_action_is_refused(unchanged: Any, body: Any, status: int) -> None:
    unchanged.post("/collections/aliases", body, status=status)
    assert unchanged.get("/aliases") == {"aliases": []}


def test_a_collection_cannot_take_the_name_of_an_alias(shapes: Any) -> None:
    shapes.post("/collections/aliases", alias("create", collection_name="shapes", alias_name="forms"))
    assert "Alias with the same name" in shapes.put("/collections/forms", DENSE, status=409)


def test_what_a_crash_left_half_made_is_swept(settings: VectorDbSettings) -> None:
    root = settings.vectordb_data_dir / "collections"
    (root / "half" / "shard-0").mkdir(parents=True)
    (settings.vectordb_data_dir / "scratch" / "upload").mkdir(parents=True)
    with TestClient(create_app(settings), headers={"api-key": "a-key-for-tests"}) as client:
        assert client.get("/collections").json()["result"] == {"collections": []}
        client.put("/collections/half", json=DENSE)
        stray = root / "half" / "shard-stray"
        stray.mkdir()
    create_app(settings).state.store.catalogue.close()
    assert not stray.exists()
    assert list((settings.vectordb_data_dir / "scratch").iterdir()) == []


@pytest.mark.parametrize("damage", ["not json", '{"format": 2}', "shard"])
def test_a_broken_collection_does_not_silence_the_others(settings: VectorDbSettings, damage: str) -> None:
    headers = {"api-key": "a-key-for-tests"}
    with TestClient(create_app(settings), headers=headers) as client:
        for name in ("good", "bad"):
            client.put(f"/collections/{name}", json=DENSE)
    folder = settings.vectordb_data_dir / "collections" / "bad"
    if damage == "shard":
        for path in folder.rglob("edge_config.json"):
            path.write_text("{}garbage")
    else:
        (folder / "collection.json").write_text(damage)
    with TestClient(create_app(settings), headers=headers) as client:
        assert client.get("/collections/good").status_code == 200
        refused = client.get("/collections/bad")
        assert refused.status_code == 503
        assert "`bad` cannot be opened" in refused.json()["status"]["error"]
        assert client.put("/collections/bad", json=DENSE).status_code == 409
        assert client.get("/readyz").status_code == client.get("/health").status_code == 503
        assert client.delete("/collections/bad").json()["result"] is True
        assert client.get("/readyz").status_code == 200


def test_a_folder_has_one_owner_and_a_second_learns_who_it_is(tmp_path: Path) -> None:
    import os

    owner = Catalogue(tmp_path / "data", Limits(1, 1))
    with pytest.raises(StartError, match=rf"in use by process {os.getpid()}$"):
        Catalogue(tmp_path / "data", Limits(1, 1))
    owner.close()
    Catalogue(tmp_path / "data", Limits(1, 1)).close()


def test_a_data_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"^cannot use the data folder .*/file/data: Not a directory$"):
        Catalogue(tmp_path / "file" / "data", Limits(1, 1))


def test_damaged_aliases_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text("{")
    with pytest.raises(StartError, match=r"aliases\.json is damaged"):
        Catalogue(tmp_path, Limits(1, 1))


def test_an_alias_of_a_lost_collection_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text(json.dumps({"a": "lost"}))
    catalogue = Catalogue(tmp_path, Limits(1, 1))
    assert catalogue.aliases == {}
    catalogue.close()


def test_writes_stop_before_the_disk_is_full(settings: VectorDbSettings) -> None:
    greedy = settings.model_copy(update={"vectordb_min_free_mib": 1 << 40})
    with TestClient(create_app(greedy), headers={"api-key": "a-key-for-tests"}) as client:
        response = client.put("/collections/notes", json=DENSE)
    assert response.status_code == 507
    assert "must stay free" in response.json()["status"]["error"]
