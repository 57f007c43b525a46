"""What every project folder keeps, in memory and on disk."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from aisuite.adapters.workdir import ProjectDir
from aisuite.errors import ProjectLocked
from aisuite.ports import Workdir
from tests.fakes.workdir import FakeWorkdir


@pytest.fixture(params=[FakeWorkdir, ProjectDir])
def workdir(request: pytest.FixtureRequest, tmp_path: Path) -> Workdir:
    make: Callable[[Path], Workdir] = request.param
    return make(tmp_path / ".aisuite" / "demo")


def test_a_new_folder_holds_nothing(workdir: Workdir) -> None:
    assert workdir.read("compose.yaml") is None
    assert workdir.read("process/services/chat.json") is None


def test_what_is_written_is_read_back(workdir: Workdir) -> None:
    files = {"compose.yaml": "한국어\r\n\n", "process/services/chat.json": ""}
    assert workdir.write(files) == ("compose.yaml", "process/services/chat.json")
    assert {name: workdir.read(name) for name in files} == files


def test_only_what_differs_is_written(workdir: Workdir) -> None:
    workdir.write({"a": "1", "b": "1"})
    assert workdir.write({"a": "1", "b": "2", "c": "3"}) == ("b", "c")
    assert workdir.write({"a": "1", "b": "2", "c": "3"}) == ()


def test_a_removed_file_or_folder_is_gone_and_its_neighbours_stay(workdir: Workdir) -> None:
    workdir.write({"process/a": "1", "process/b/c": "2", "processes": "3", "x": "4"})
    workdir.remove("process")
    workdir.remove("x")
    workdir.remove("never/was")
    found = [workdir.read(name) for name in ("process/a", "process/b/c", "processes", "x")]
    assert found == [None, None, "3", None]


def test_a_folder_lists_what_lies_right_in_it(workdir: Workdir) -> None:
    workdir.write({"evidence/b/report.json": "1", "evidence/a/report.json": "2", "evidence/c": "3", "evidences": "4"})
    assert workdir.list_folder("evidence") == ("a", "b", "c")
    assert workdir.list_folder("never-was") == ()


def test_a_link_stands_for_one_folder_and_then_for_another(workdir: Workdir) -> None:
    workdir.write({"gen/1/a": "old", "gen/2/a": "new", "gen/2/b": "more"})
    workdir.link("current", "gen/1")
    assert workdir.read("current/a") == "old"
    workdir.link("current", "gen/2")
    assert workdir.read("current/a") == "new"
    assert workdir.list_folder("current") == ("a", "b")
    workdir.remove("current")
    assert (workdir.read("current/a"), workdir.read("gen/2/a")) == (None, "new")


def test_a_link_leads_nowhere_outside(workdir: Workdir) -> None:
    for name, target in (("current", "../other"), ("../current", "gen/1"), ("current", "/etc")):
        with pytest.raises(ValueError, match="below the project folder"):
            workdir.link(name, target)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", "a/..", "/"])
def test_a_name_cannot_leave_the_folder(workdir: Workdir, name: str) -> None:
    with pytest.raises(ValueError, match="below the project folder"):
        workdir.write({name: "x"})
    with pytest.raises(ValueError, match="below the project folder"):
        workdir.read(name)
    with pytest.raises(ValueError, match="below the project folder"):
        workdir.remove(name)
    with pytest.raises(ValueError, match="below the project folder"):
        workdir.list_folder(name)


def test_a_second_command_is_refused_at_once_and_told_who_works(workdir: Workdir) -> None:
    with workdir.lock("aisuite up --phase 2"):
        holder = r"aisuite up --phase 2 \(pid \d+, since \d\d:\d\d:\d\d\)"
        with pytest.raises(ProjectLocked, match=holder) as caught, workdir.lock("aisuite down"):
            pytest.fail("two commands work on one project")
        assert caught.value.hint
    with workdir.lock("aisuite down"):
        pass


@pytest.mark.process
def test_the_kernel_lets_go_of_the_lock_of_a_killed_command(tmp_path: Path) -> None:
    script = """
        import sys, time
        from pathlib import Path
        from aisuite.adapters.workdir import ProjectDir
        with ProjectDir(Path(sys.argv[1])).lock("aisuite up"):
            print("held", flush=True)
            time.sleep(1000)
        """
    workdir = ProjectDir(tmp_path)
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ProjectLocked, match=f"pid {holder.pid}"), workdir.lock("aisuite down"):
            pytest.fail("two commands work on one project")
        holder.kill()
    with workdir.lock("aisuite down"):
        pass


def test_the_lock_is_free_again_after_an_error(workdir: Workdir) -> None:
    with pytest.raises(KeyError), workdir.lock("aisuite up"):
        raise KeyError
    with workdir.lock("aisuite up"):
        pass


def test_a_secret_is_made_once(workdir: Workdir) -> None:
    path = workdir.ensure_secret("service_key")
    assert path == workdir.folder / "secrets" / "service_key"
    first = workdir.read("secrets/service_key")
    workdir.ensure_secret("service_key")
    assert workdir.read("secrets/service_key") == first
    assert re.fullmatch("[0-9a-f]{64}", first or "")


def test_the_gateway_key_has_its_form_and_a_header_for_curl(workdir: Workdir) -> None:
    workdir.ensure_secret("gateway_key")
    key = workdir.read("secrets/gateway_key")
    assert re.fullmatch("sk-[0-9a-f]{64}", key or "")
    assert workdir.read("secrets/gateway_key.header") == f"Authorization: Bearer {key}\n"


def test_two_secrets_differ(workdir: Workdir) -> None:
    workdir.ensure_secret("service_key")
    workdir.ensure_secret("gateway_key")
    assert workdir.read("secrets/gateway_key") != f"sk-{workdir.read('secrets/service_key')}"
