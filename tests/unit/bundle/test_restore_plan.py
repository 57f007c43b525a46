"""What a restore would do is known, and what it must not do is refused, before anything is touched."""

from dataclasses import replace

import pytest

from aisuite.bundle.kept_state import ProjectState
from aisuite.bundle.model import BundleFile, DatabaseFacts, KeptState, Kind, Manifest
from aisuite.bundle.restore_plan import (
    choose,
    path_in_folder,
    plan_items,
    refuse_another_project,
    refuse_another_version,
    refuse_newer_schema,
    space_needed,
)
from aisuite.errors import RestoreRefused, UsageError
from tests.fakes.bundles import manifest_of

DATA = "/home/here/data"
RAG = KeptState("rag", (f"{DATA}/rag/rag.db",), (f"{DATA}/rag/uploads",), None, None, None)
QDRANT = KeptState("qdrant", (), (), "http://127.0.0.1:6333", None, None)
STATE = ProjectState("demo", "process", "demo", 2, (QDRANT, RAG), (), ())


def make_file(path: str, kind: Kind, size: int = 10) -> BundleFile:
    _, service, *rest = path.removesuffix(".zst").split("/")
    return BundleFile(path, kind, size, "a" * 64, service, f"/etc/there/{service}/{'/'.join(rest)}", 100, "b" * 64)


def make_manifest(*files: BundleFile) -> Manifest:
    return manifest_of("20261121T120000Z", files)


DATABASE = make_file("databases/rag/rag.db.zst", Kind.DATABASE)
UPLOAD = make_file("folders/rag/uploads/deep/one.txt.zst", Kind.FOLDER)


def test_where_something_goes_is_said_by_the_project_and_not_by_the_backup() -> None:
    items = plan_items((RAG,), make_manifest(DATABASE, UPLOAD), there=lambda _: True)

    assert [(one.target, one.files) for one in items] == [
        (f"{DATA}/rag/rag.db", (DATABASE.path,)),
        (f"{DATA}/rag/uploads", (UPLOAD.path,)),
    ]
    assert str(path_in_folder(UPLOAD)) == "deep/one.txt"


def test_two_databases_of_one_name_go_where_they_came_from() -> None:
    service = replace(RAG, databases=("/here/data/rag/a/x.db", "/here/data/rag/b/x.db"), folders=())
    first = replace(make_file("databases/rag/x.db.zst", Kind.DATABASE), restores_to="/there/data/rag/b/x.db")
    second = replace(make_file("databases/rag/x.db-2.zst", Kind.DATABASE), restores_to="/there/data/rag/a/x.db")

    items = plan_items((service,), make_manifest(first, second), there=lambda _: False)

    assert [(one.target, one.files) for one in items] == [
        ("/here/data/rag/a/x.db", (second.path,)),
        ("/here/data/rag/b/x.db", (first.path,)),
    ]


def test_what_was_made_after_the_backup_is_put_away() -> None:
    items = plan_items((RAG,), make_manifest(DATABASE), there=lambda _: True)

    assert [(one.target, one.files) for one in items if not one.files] == [(f"{DATA}/rag/uploads", ())]


def test_what_is_neither_here_nor_in_the_backup_is_no_item() -> None:
    assert plan_items((RAG,), make_manifest(), there=lambda _: False) == ()


def test_a_database_that_has_no_place_here_is_refused() -> None:
    other = make_file("databases/rag/other.db.zst", Kind.DATABASE)

    with pytest.raises(RestoreRefused, match=r"holds other\.db of rag"):
        plan_items((RAG,), make_manifest(DATABASE, other), there=lambda _: True)


def test_without_a_choice_every_service_of_the_backup_is_restored() -> None:
    assert choose(STATE, make_manifest(), ()) == (QDRANT, RAG)
    assert choose(STATE, make_manifest(), ("rag",)) == (RAG,)
    assert choose(STATE, make_manifest(), ("config",)) == ()


def test_a_service_that_is_not_here_is_refused_and_those_that_are_here_are_named() -> None:
    manifest = replace(make_manifest(), services=("memory", "rag"))

    with pytest.raises(RestoreRefused, match="memory keeps") as refused:
        choose(STATE, manifest, ())
    assert "--only rag" in (refused.value.hint or "")
    assert choose(STATE, manifest, ("rag",)) == (RAG,)


def test_a_service_that_does_not_exist_is_a_typo() -> None:
    with pytest.raises(UsageError, match="--only rga"):
        choose(STATE, make_manifest(), ("rga",))


def test_a_service_that_the_backup_knows_nothing_of_is_refused() -> None:
    with pytest.raises(RestoreRefused, match="nothing of qdrant"):
        choose(STATE, replace(make_manifest(), services=("rag",)), ("qdrant",))


def test_another_project_is_refused_unless_it_is_meant() -> None:
    with pytest.raises(RestoreRefused, match="is of project demo, and this is mine"):
        refuse_another_project(make_manifest(), "mine", meant=False)
    refuse_another_project(make_manifest(), "mine", meant=True)
    refuse_another_project(make_manifest(), "demo", meant=False)


@pytest.mark.parametrize("here", ["qdrant 1.16.0", "qdrant 2.15.4", "embedded 1.15.4"])
def test_another_kind_or_minor_version_of_the_store_is_refused(here: str) -> None:
    with pytest.raises(RestoreRefused, match=here):
        refuse_another_version(make_manifest(), "qdrant", here)


def test_another_patch_version_of_the_store_is_fine() -> None:
    refuse_another_version(make_manifest(), "qdrant", "qdrant 1.15.9")


def test_a_database_with_a_newer_schema_is_refused() -> None:
    manifest = replace(make_manifest(DATABASE), databases=(DatabaseFacts(DATABASE.path, 3, {}, "d"),))
    (item,) = plan_items((RAG,), manifest, there=lambda path: path.endswith(".db"))

    with pytest.raises(RestoreRefused, match=r"rag\.db of rag has schema 2 here, and schema 3 in backup"):
        refuse_newer_schema(manifest, item, 2)
    for fine in (3, 4, None):
        refuse_newer_schema(manifest, item, fine)


def test_a_restore_takes_the_space_of_the_new_state_and_of_a_backup_of_the_old() -> None:
    assert space_needed(make_manifest(DATABASE, UPLOAD)) == 400
