"""What a project folder keeps on a real disk: modes, crashes, links, and what stands in its way."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from aisuite.adapters.workdir import ProjectDir
from aisuite.errors import AisuiteError, DiskFull, ProjectLocked, StateUnwritable


@pytest.fixture
def project(tmp_path: Path) -> ProjectDir:
    return ProjectDir(tmp_path / ".aisuite" / "demo")


def fail_with(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the disk refuse to take data."""

    def refuse(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)


def test_folders_and_files_are_for_this_user_alone(project: ProjectDir) -> None:
    before = os.umask(0)
    try:
        with project.lock("up"):
            project.write({"process/services/chat.json": "{}"})
            project.ensure_secret("gateway_key")
    finally:
        os.umask(before)
    made = [project.folder.parent, project.folder, *project.folder.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}


def test_a_folder_and_a_key_that_were_open_to_others_are_closed(project: ProjectDir) -> None:
    secrets = project.folder / "secrets"
    secrets.mkdir(parents=True)
    for folder in (project.folder, secrets):
        folder.chmod(0o755)
    (secrets / "service_key").write_text("mine\n")
    (secrets / "service_key").chmod(0o644)
    with project.lock("up"):
        project.ensure_secret("service_key")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (project.folder, secrets, secrets / "service_key")]
    assert modes == [0o700, 0o700, 0o600]
    assert project.read("secrets/service_key") == "mine"


def test_an_unchanged_file_is_not_touched(project: ProjectDir) -> None:
    project.write({"a": "1"})
    before = (project.folder / "a").stat()
    project.write({"a": "1"})
    after = (project.folder / "a").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, StateUnwritable)]
)
def test_a_disk_that_takes_no_more_leaves_the_old_file_whole(
    project: ProjectDir, monkeypatch: pytest.MonkeyPatch, number: int, error: type[AisuiteError]
) -> None:
    project.write({"a": "old"})
    fail_with(monkeypatch, number)
    with pytest.raises(error, match=str(project.folder / "a")) as caught:
        project.write({"a": "new", "b": "new"})
    assert caught.value.hint
    assert project.read("a") == "old"
    assert [path.name for path in project.folder.iterdir()] == ["a"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_cannot_be_written_is_named(
    project: ProjectDir, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    project.folder.mkdir(parents=True)

    def refuse(path: Path, flags: int, mode: int = 0) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "open", refuse)
    for attempt in (lambda: project.write({"a": "1"}), lambda: project.lock("up").__enter__()):
        with pytest.raises(StateUnwritable, match=os.strerror(number)) as caught:
            attempt()
        assert caught.value.hint == f"ls -ld {project.folder}"


def test_an_interrupted_write_leaves_nothing(project: ProjectDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        project.write({"a": "new"})
    assert list(project.folder.iterdir()) == []


def test_what_a_crash_left_of_a_write_is_swept_by_the_next_command(project: ProjectDir) -> None:
    project.write({"process/a": "1", "data/b": "1"})
    stray = [project.folder / ".writing-1-ab", project.folder / "process" / ".writing-1-cd"]
    services_own = project.folder / "data" / ".writing-of-a-service"
    for path in (*stray, services_own):
        path.write_text("half")
    with project.lock("up"):
        assert not any(path.exists() for path in stray)
    assert services_own.exists()


def test_the_lock_names_no_holder_that_it_cannot_read(project: ProjectDir) -> None:
    with project.lock("up"):
        (project.folder / ".lock").write_text("{")
        with pytest.raises(ProjectLocked, match="another aisuite works on"), project.lock("down"):
            pytest.fail("two commands work on one project")


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / ".aisuite").write_text("not a folder")
    project = ProjectDir(tmp_path / ".aisuite" / "demo")
    for attempt in (
        lambda: project.write({"a": "1"}),
        lambda: project.read("a"),
        lambda: project.lock("up").__enter__(),
    ):
        with pytest.raises(StateUnwritable, match=r"\.aisuite is a file; a folder should be there") as caught:
            attempt()
        assert caught.value.hint == f"mv {tmp_path}/.aisuite {tmp_path}/.aisuite.old"


def test_a_folder_where_a_file_should_be_is_named(project: ProjectDir) -> None:
    (project.folder / "compose.yaml").mkdir(parents=True)
    with pytest.raises(StateUnwritable, match=r"compose\.yaml is a folder; a file should be there"):
        project.read("compose.yaml")
    with pytest.raises(StateUnwritable, match=r"compose\.yaml is a folder; a file should be there"):
        project.write({"compose.yaml": "x"})


def test_the_project_folder_itself_may_be_a_link(project: ProjectDir, tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    project.folder.parent.mkdir()
    project.folder.symlink_to(tmp_path / "big disk")
    with project.lock("up"):
        project.write({"process/a": "1"})
    assert (tmp_path / "big disk" / "process" / "a").read_text() == "1"


def test_a_link_below_it_that_leads_out_is_not_followed(project: ProjectDir, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("theirs")
    project.folder.mkdir(parents=True)
    (project.folder / "process").symlink_to(outside)
    with pytest.raises(StateUnwritable, match="leads out of the project folder"):
        project.write({"process/a": "ours"})
    with pytest.raises(StateUnwritable, match="leads out of the project folder"):
        project.remove("process/a")
    project.remove("process")
    assert (outside / "a").read_text() == "theirs"


def test_a_file_that_is_a_link_is_replaced_and_its_target_left_alone(project: ProjectDir, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("theirs")
    project.folder.mkdir(parents=True)
    (project.folder / "a").symlink_to(target)
    project.write({"a": "ours"})
    assert (target.read_text(), project.read("a")) == ("theirs", "ours")


def test_a_lock_that_is_a_link_is_refused(project: ProjectDir, tmp_path: Path) -> None:
    project.folder.mkdir(parents=True)
    (project.folder / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnwritable, match=r"\.lock is a link"), project.lock("up"):
        pytest.fail("the lock was taken through a link")
    assert not (tmp_path / "elsewhere").exists()


def test_an_empty_key_is_made_anew(project: ProjectDir) -> None:
    project.write({"secrets/gateway_key": "\n"})
    project.ensure_secret("gateway_key")
    assert (project.read("secrets/gateway_key") or "").startswith("sk-")
