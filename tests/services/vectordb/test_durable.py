import os
from pathlib import Path
from threading import Event, Thread

import pytest
import qdrant_edge as edge
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aisuite.services.vectordb.durable import clone_file, clone_folder, disk_use, write_atomically
from aisuite.services.vectordb.gate import Gate
from aisuite.services.vectordb.pending import PATIENCE_SECONDS, QUIET_SECONDS, Pending, unindexed_points
from aisuite.services.vectordb.schema import CollectionSchema
from aisuite.services.vectordb.settings import VectorDbSettings

PAGE = 64 << 10


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(st.booleans(), max_size=8), st.integers(0, 100))
def test_a_copy_has_the_same_bytes_and_no_more_blocks(tmp_path: Path, pages: list[bool], tail: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        for number, filled in enumerate(pages):
            if filled:
                file.seek(number * PAGE)
                file.write(os.urandom(PAGE))
        file.truncate(len(pages) * PAGE + tail)
    clone_file(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_blocks <= source.stat().st_blocks


def test_a_folder_is_copied_without_what_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "a" / "wal").mkdir(parents=True)
    (source / "wal").mkdir()
    for name in ("a/wal/kept", "wal/left", "top"):
        (source / name).write_text(name)
    clone_folder(source, tmp_path / "target", without={"wal"})
    assert {path.relative_to(tmp_path / "target").as_posix() for path in (tmp_path / "target").rglob("*")} == {
        "a",
        "a/wal",
        "a/wal/kept",
        "top",
    }
    assert disk_use(tmp_path / "target") > 0


def test_a_file_that_cannot_be_replaced_keeps_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record"
    write_atomically(path, b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_readers_share_the_gate_and_one_who_must_be_alone_waits_for_them() -> None:
    gate, inside, alone = Gate(), Event(), Event()
    order: list[str] = []

    def exchange() -> None:
        inside.set()
        with gate.alone():
            order.append("alone")
        alone.set()

    with gate.shared(), gate.shared():
        thread = Thread(target=exchange)
        thread.start()
        inside.wait()
        order.append("reader leaves")
    thread.join()
    with gate.shared():
        order.append("next reader")
    assert alone.is_set()
    assert order == ["reader leaves", "alone", "next reader"]


def test_an_optimization_waits_for_enough_changes_and_a_rest() -> None:
    pending = Pending(threshold=10, points=0)
    pending.add(9, now=100)
    assert not pending.is_due(1000, in_all=9)
    pending.add(1, now=100)
    assert not pending.is_due(100 + QUIET_SECONDS / 2, in_all=10)
    assert pending.is_due(100 + QUIET_SECONDS, in_all=10)
    pending.clear()
    assert not pending.is_due(1000, in_all=10)


def test_an_optimization_does_not_wait_for_ever() -> None:
    pending = Pending(threshold=2, points=0)
    for second in range(int(PATIENCE_SECONDS) + 1):
        pending.add(1, now=second)
    assert pending.is_due(PATIENCE_SECONDS, in_all=60)


def test_points_found_without_index_at_the_start_count_as_changed() -> None:
    assert Pending(threshold=5, points=5).is_due(10_000, in_all=5)


def test_a_rest_is_used_for_fewer_new_points_than_a_pause_in_a_load() -> None:
    pending = Pending(threshold=2, points=0)
    pending.add(50, now=0)
    pending.add(0, now=PATIENCE_SECONDS)
    assert not pending.is_due(PATIENCE_SECONDS, in_all=1000)
    assert pending.is_due(PATIENCE_SECONDS + QUIET_SECONDS, in_all=1000)
    assert not pending.is_due(PATIENCE_SECONDS + QUIET_SECONDS, in_all=10_000)


def test_as_many_points_as_start_an_optimization_are_indexed_by_it(tmp_path: Path) -> None:
    schema = CollectionSchema.model_validate({"vectors": {"size": 64, "distance": "Cosine"}})
    shard = edge.EdgeShard.create(str(tmp_path / "shard"), schema.engine_config(1))
    many = VectorDbSettings.model_fields["vectordb_optimize_after"].default
    vector = [1.0] * 64
    shard.update(edge.UpdateOperation.upsert_points([edge.Point(number, vector, {}) for number in range(many)]))
    assert unindexed_points(shard, schema) == many
    shard.optimize()
    assert unindexed_points(shard, schema) == 0
    shard.close()


@pytest.mark.parametrize(
    "sparse", [{}, {"sparse_vectors": {"s": {"modifier": "idf"}}}], ids=["dense", "dense and sparse"]
)
def test_dense_vectors_without_an_index_are_seen_beside_sparse_ones(tmp_path: Path, sparse: dict[str, object]) -> None:
    vectors = {"d": {"size": 2, "distance": "Cosine"}}
    eager = {"optimizers_config": {"indexing_threshold": 1}, "hnsw_config": {"full_scan_threshold": 1}}
    schema = CollectionSchema.model_validate({"vectors": vectors, **eager, **sparse})
    shard = edge.EdgeShard.create(str(tmp_path / "shard"), schema.engine_config(1))
    both: dict[str, object] = {"d": [1.0, 2.0]}
    if sparse:
        both["s"] = edge.SparseVector([1], [1.0])
    shard.update(edge.UpdateOperation.upsert_points([edge.Point(number, both, {}) for number in range(300)]))
    assert unindexed_points(shard, schema) == 300
    shard.optimize()
    assert unindexed_points(shard, schema) == 0
    shard.close()
