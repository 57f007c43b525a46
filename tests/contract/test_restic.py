"""Bundles in a restic repository: what its versions say, by a stand-in that says it; restic itself in the long runs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.adapters.restic import Restic, read_environment
from aisuite.bundle.retention import Keep
from aisuite.bundle.stored import Stored
from aisuite.errors import BackupFailed, RestoreFailed, UsageError
from aisuite.ops.backups import ForgetRequest
from aisuite.ops.repository import bring_back, fetched, forget_stored
from tests.contract.waiting import eventually
from tests.fakes.bundles import put_bundle
from tests.fakes.workdir import FakeWorkdir

SUMMARY = '{"message_type":"summary","snapshot_id":"0123abcd"}'
BUNDLE = "20261121T141500Z"


class StandIn:
    """A program called restic; `script` is what it does, `$1` the word it was given."""

    def __init__(self, folder: Path, script: str) -> None:
        program = folder / "restic"
        program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n{script}\n')
        program.chmod(0o755)
        self._asked = folder / "asked"
        known = {"PATH": f"{folder}:{os.environ['PATH']}", "RESTIC_REPOSITORY": "/repo", "RESTIC_HOST": "here"}
        self.door = Restic(known)

    @property
    def asked(self) -> list[str]:
        return self._asked.read_text().splitlines()


@pytest.mark.process
def test_a_bundle_is_stored_by_its_name_and_tagged_with_its_project(tmp_path: Path) -> None:
    restic = StandIn(tmp_path, f"echo '{SUMMARY}'")
    assert restic.door.store(tmp_path, BUNDLE, "mine") == "0123abcd"
    assert restic.asked == [f"backup --json --host here --tag aisuite --tag project:mine -- {BUNDLE}"]


@pytest.mark.process
@pytest.mark.parametrize(
    ("code", "said", "cause"),
    [
        (10, "Fatal: repository does not exist", "there is no restic repository"),
        (1, "Fatal: unable to open config file: stat /repo/config", "there is no restic repository"),
        (12, "Fatal: wrong password or no key found", "the password does not open"),
        (1, "Fatal: wrong password or no key found", "the password does not open"),
        (3, "Warning: at least one source file could not be read", "could not read all"),
        (1, "Fatal: something else", "restic failed"),
        (11, "Fatal: repository is already locked", "is locked"),
    ],
)
def test_what_restic_ends_with_is_told_with_its_words(tmp_path: Path, code: int, said: str, cause: str) -> None:
    restic = StandIn(tmp_path, f'echo "{said}" >&2; exit {code}')
    with pytest.raises(BackupFailed, match=cause) as failed:
        restic.door.store(tmp_path, BUNDLE, "mine")
    assert f"exit code {code}: {said}" in failed.value.message
    assert str(tmp_path / BUNDLE) in failed.value.message


@pytest.mark.process
@pytest.mark.parametrize("code", [1, 11])
def test_the_lock_of_a_dead_process_is_removed_once(tmp_path: Path, code: int) -> None:
    locked = f'echo "unable to create lock in backend: repository is already locked by PID 1" >&2; exit {code}'
    script = (
        f"[ $1 = unlock ] && touch {tmp_path}/open && exit\n[ -e {tmp_path}/open ] || {{ {locked}; }}\necho '{SUMMARY}'"
    )
    restic = StandIn(tmp_path, script)
    assert restic.door.store(tmp_path, BUNDLE, "mine") == "0123abcd"
    assert [line.split()[0] for line in restic.asked] == ["backup", "unlock", "backup"]


@pytest.mark.process
def test_a_restic_that_names_no_snapshot_has_failed(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="did not say"):
        StandIn(tmp_path, "echo done").door.store(tmp_path, BUNDLE, "mine")


def test_without_the_program_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs the program restic"):
        Restic({"PATH": str(tmp_path), "RESTIC_REPOSITORY": "/repo"})


@pytest.mark.process
def test_without_a_repository_it_is_said_how_to_name_one(tmp_path: Path) -> None:
    StandIn(tmp_path, "")
    with pytest.raises(UsageError, match="repository"):
        Restic({"PATH": str(tmp_path)})


@pytest.mark.process
def test_of_the_snapshots_those_of_bundles_are_listed_with_their_projects(tmp_path: Path) -> None:
    told = [
        {
            "id": "ff",
            "time": "t",
            "hostname": "there",
            "paths": ["/b/20261122T000000Z"],
            "tags": ["aisuite", "project:mine", "damaged"],
        },
        {"id": "ee", "time": "t", "paths": [f"/a/{BUNDLE}"], "tags": None},
        {"id": "dd", "time": "t", "paths": ["/home"], "tags": ["aisuite"]},
    ]
    restic = StandIn(tmp_path, f"echo '{json.dumps(told)}'")
    known = (
        Stored(BUNDLE, "ee", None, None, "/a"),
        Stored("20261122T000000Z", "ff", "mine", "there", "/b", damaged=True),
    )
    assert restic.door.bundles() == known
    assert restic.asked == ["snapshots --json --tag aisuite"]


@pytest.mark.process
@pytest.mark.parametrize("said", ["null", "[]"])
def test_a_repository_may_hold_nothing(tmp_path: Path, said: str) -> None:
    assert StandIn(tmp_path, f"echo {said}").door.bundles() == ()


@pytest.mark.process
@pytest.mark.parametrize("said", ["nothing", "[1]", '{"paths": 1}', '[{"paths": []}]'])
def test_a_list_in_another_form_is_refused(tmp_path: Path, said: str) -> None:
    with pytest.raises(RestoreFailed, match="in a way that is not known"):
        StandIn(tmp_path, f"echo '{said}'").door.bundles()


@pytest.mark.process
def test_why_a_bundle_does_not_come_back_is_told(tmp_path: Path) -> None:
    restic = StandIn(tmp_path, "echo 'Fatal: wrong password or no key found' >&2; exit 1")
    with pytest.raises(RestoreFailed, match=f"does not give {BUNDLE} back: the password does not open"):
        restic.door.fetch(Stored(BUNDLE, "ff", None), tmp_path)
    with pytest.raises(RestoreFailed, match="cannot be read: the password does not open"):
        restic.door.bundles()


@pytest.mark.process
def test_bundles_are_forgotten_by_their_ids_and_space_is_given_back_only_when_asked(tmp_path: Path) -> None:
    restic = StandIn(tmp_path, "")
    kept = [Stored(BUNDLE, "ff", "mine"), Stored(BUNDLE, "ee", "mine")]
    restic.door.forget(kept, prune=False)
    restic.door.forget(kept[:1], prune=True)
    restic.door.forget([], prune=False)
    restic.door.mark(kept[0], damaged=True)
    restic.door.mark(kept[0], damaged=False)
    tags = ["tag --add damaged -- ff", "tag --remove damaged -- ff"]
    assert restic.asked == ["forget -- ff ee", "forget -- ff", "prune", *tags]


@pytest.mark.process
def test_a_repository_that_forgets_nothing_says_why(tmp_path: Path) -> None:
    restic = StandIn(tmp_path, "echo 'repository is already locked' >&2; exit 11")
    with pytest.raises(BackupFailed, match=r"did not do as asked \(restic forget\): the restic repository is locked"):
        restic.door.forget([Stored(BUNDLE, "ff", "mine")], prune=True)
    assert [line.split()[0] for line in restic.asked] == ["forget", "unlock", "forget"]


def test_what_a_timer_knows_of_restic_stands_in_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "restic.env"
    assert read_environment(file) == {}
    file.write_text("RESTIC_REPOSITORY=/srv/r  # here\nexport RESTIC_PASSWORD='a b'\n")
    file.chmod(0o640)
    with pytest.raises(UsageError, match="others may read"):
        read_environment(file)
    file.chmod(0o600)
    assert read_environment(file) == {"RESTIC_REPOSITORY": "/srv/r", "RESTIC_PASSWORD": "a b"}


@pytest.mark.parametrize("content", [b"not an assignment", b"\xff"])
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "restic.env"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(UsageError, match=r"restic\.env"):
        read_environment(file)


@pytest.fixture
def repository(tmp_path: Path) -> Restic:
    environment = {**os.environ, "RESTIC_REPOSITORY": str(tmp_path / "repo"), "RESTIC_PASSWORD": "of a test"}
    subprocess.run(["restic", "init", "--quiet"], env=environment, check=True)
    return Restic(environment)


@pytest.mark.soak
def test_restic_itself_gives_back_what_it_took(tmp_path: Path, repository: Restic) -> None:
    environment = {**os.environ, "RESTIC_REPOSITORY": str(tmp_path / "repo"), "RESTIC_PASSWORD": "another"}
    shelf, lent = BundleShelf(tmp_path / "shelf"), BundleShelf(tmp_path / "lent")
    put_bundle(shelf, BUNDLE, project="mine")
    nowhere = Restic({**environment, "RESTIC_REPOSITORY": str(tmp_path / "nowhere")})
    with pytest.raises(BackupFailed, match="there is no restic repository"):
        nowhere.store(shelf.path, BUNDLE, "mine")
    with pytest.raises(RestoreFailed, match="there is no restic repository"):
        nowhere.bundles()

    snapshots = [repository.store(shelf.path, BUNDLE, "mine") for _ in range(2)]

    assert [(one.bundle, one.project) for one in repository.bundles()] == [(BUNDLE, "mine")] * 2
    assert repository.bundles()[-1].snapshot.startswith(snapshots[-1])
    with fetched(None, "mine", lent, repository, BundleShelf) as (stored, opened):
        assert opened.check(stored.bundle).id == BUNDLE
    assert lent.list() == ()
    places = BundleShelf(tmp_path / "empty"), lent
    assert bring_back(BUNDLE[:8], "other", places, repository, BundleShelf) == (BUNDLE, lent)
    assert lent.check(BUNDLE) == shelf.manifest(BUNDLE)
    assert [one.name for one in lent.path.iterdir()] == [BUNDLE]
    with pytest.raises(BackupFailed, match="password does not open"):
        Restic(environment).store(shelf.path, BUNDLE, "mine")


@pytest.mark.soak
def test_restic_itself_forgets_what_no_rule_keeps(tmp_path: Path, repository: Restic) -> None:
    shelf = BundleShelf(tmp_path / "shelf")
    old, new = BUNDLE, "20261122T141500Z"
    for bundle in (old, new):
        put_bundle(shelf, bundle, project="mine")
        repository.store(shelf.path, bundle, "mine")
    repository.store(shelf.path, old, "other")
    elsewhere = BundleShelf(tmp_path / "elsewhere")
    put_bundle(elsewhere, old, project="mine")
    repository.store(elsewhere.path, old, "mine")
    repository.mark(repository.bundles()[-1], damaged=True)
    request = ForgetRequest(Keep(last=1), prune=True)

    assert forget_stored(request, "mine", shelf, repository, FakeWorkdir()).removed == ()  # the newest is damaged
    repository.mark(repository.bundles()[-1], damaged=False)
    assert forget_stored(request, "mine", shelf, repository, FakeWorkdir()).removed == (old,)
    assert {(one.bundle, one.project, one.shelf, one.damaged) for one in repository.bundles()} == {
        (old, "other", str(shelf.path), False),
        (old, "mine", str(elsewhere.path), False),
        (new, "mine", str(shelf.path), False),
    }
    with fetched(new, "mine", shelf, repository, BundleShelf) as (stored, lent):
        assert lent.check(stored.bundle) == shelf.manifest(new)


@pytest.mark.soak
def test_the_lock_of_a_living_restic_is_respected_and_that_of_a_killed_one_removed(
    tmp_path: Path, repository: Restic
) -> None:
    shelf = BundleShelf(tmp_path / "shelf")
    put_bundle(shelf, BUNDLE, project="mine")
    repository.store(shelf.path, BUNDLE, "mine")
    environment = {**os.environ, "RESTIC_REPOSITORY": str(tmp_path / "repo"), "RESTIC_PASSWORD": "of a test"}
    command = ["restic", "backup", "--quiet", "--stdin"]  # holds its lock while it waits for more
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as living:
        try:
            eventually(lambda: any((tmp_path / "repo" / "locks").iterdir()))
            with pytest.raises(BackupFailed, match="is locked"):
                repository.forget(repository.bundles(), prune=False)
        finally:
            living.kill()
    assert any((tmp_path / "repo" / "locks").iterdir())
    repository.forget(repository.bundles(), prune=True)
    assert repository.bundles() == ()
