"""What a killed backup has left in a vector store goes; what people have made stays."""

from aisuite.ops.backup_snapshots import NOTE, snapshots_noted, sweep_snapshots
from aisuite.ops.backup_stores import OpenStore
from tests.fakes.vector_store import FakeVectorStore
from tests.fakes.workdir import FakeWorkdir


def make_store() -> FakeVectorStore:
    return FakeVectorStore({"notes": {"1": "a"}, "other": {}}, kept=[("notes", "by hand")])


def opened(store: FakeVectorStore) -> list[OpenStore]:
    return [OpenStore("vectors", store, store.version(), store.collections())]


def test_the_snapshot_of_a_killed_backup_goes_and_those_of_people_stay() -> None:
    store, workdir = make_store(), FakeWorkdir()
    killed = snapshots_noted(opened(store), workdir)
    killed.__enter__()  # and never left
    store.kept += [("notes", "of the backup"), ("notes", "by hand, later")]

    sweep_snapshots("vectors", store, ["notes", "other"], workdir)

    assert store.kept == [("notes", "by hand"), ("notes", "by hand, later")]


def test_a_backup_that_ended_leaves_no_note_and_nothing_is_swept() -> None:
    store, workdir = make_store(), FakeWorkdir()
    with snapshots_noted(opened(store), workdir):
        assert workdir.read(NOTE) is not None
    store.kept.append(("notes", "by hand, later"))

    sweep_snapshots("vectors", store, ["notes", "other"], workdir)

    assert len(store.kept) == 2


def test_a_collection_or_store_that_is_gone_is_not_asked() -> None:
    store, workdir = make_store(), FakeWorkdir()
    killed = snapshots_noted(opened(store), workdir)
    killed.__enter__()
    store.kept.append(("notes", "of the backup"))

    sweep_snapshots("vectors", store, ["other"], workdir)
    sweep_snapshots("elsewhere", store, ["notes"], workdir)

    assert len(store.kept) == 2


def test_a_note_that_cannot_be_read_sweeps_nothing() -> None:
    store = make_store()
    for text in ("", "[]", '{"schema": "aisuite.snapshots/2", "before": {"vectors": {"notes": []}}}'):
        sweep_snapshots("vectors", store, ["notes"], FakeWorkdir(files={NOTE: text}))

    assert store.kept == [("notes", "by hand")]
