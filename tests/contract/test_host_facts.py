"""What this machine says about itself, on the machine that the tests run on."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from aisuite.adapters import cuda_allocation, host_facts
from aisuite.adapters.host_facts import LocalFacts
from aisuite.adapters.host_repairs import LocalRepairs
from aisuite.errors import ModelBroken, StateUnwritable
from aisuite.preflight.snapshot import Git
from tests.contract.http_server import Reply, serve

if TYPE_CHECKING:
    from pathlib import Path

FACTS = LocalFacts()


def test_the_kernel_says_its_version_and_how_much_memory_there_is() -> None:
    found = FACTS.machine()
    assert found.kernel == os.uname().release
    assert found.memory is not None
    assert found.memory > 2**28
    assert found.sqlite.count(".") == 2


@pytest.mark.parametrize(
    ("kernel", "wsl"),
    [("6.1.0-28-amd64", 0), ("4.4.0-19041-Microsoft", 1), ("5.15.153.1-microsoft-standard-WSL2", 2)],
)
def test_wsl_is_told_by_its_kernel(kernel: str, wsl: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = os.uname_result(("Linux", "here", kernel, "#1", "x86_64"))
    monkeypatch.setattr(host_facts.os, "uname", lambda: names)
    assert FACTS.machine().wsl == wsl


def test_a_folder_that_is_not_there_yet_has_the_disk_of_its_parent(tmp_path: Path) -> None:
    found = FACTS.disk("data", tmp_path / "not" / "yet")
    assert (found.path, found.fault) == (tmp_path / "not" / "yet", "")
    assert found.free > 0
    assert found.kind
    assert not (tmp_path / "not").exists()


def test_a_folder_that_takes_no_files_has_a_fault() -> None:
    from pathlib import Path

    assert FACTS.disk("data", Path("/proc/1")).fault.startswith("/proc/1: ")


def test_files_with_secrets_are_described_and_never_repeated(tmp_path: Path) -> None:
    env, key, header = tmp_path / ".env", tmp_path / "gateway_key", tmp_path / "gateway_key.header"
    env.write_text("OPENAI_API_KEY=sk-1234\n")
    key.write_text("0123456789abcdef" * 4)
    header.write_text("Authorization: Bearer 0123456789abcdef\n")
    env.chmod(0o640)
    key.chmod(0o604)
    header.chmod(0o600)
    found = FACTS.secrets([env, key, header, tmp_path / "missing", tmp_path])
    assert [(one.path, one.open_to_others, one.weak) for one in found] == [
        (env, True, "OPENAI_API_KEY is a default that everybody knows"),
        (key, True, ""),
        (header, False, ""),
    ]
    assert "0123456789abcdef" not in str(found)


def test_an_env_file_without_secrets_may_be_read_by_everybody(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("RAG_TOPK=4\n")
    env.chmod(0o644)
    assert not FACTS.secrets([env])[0].open_to_others


def test_a_repository_tells_its_branch_its_changes_and_the_secrets_in_it(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    assert FACTS.git(tmp_path) is None
    git("init", "-q", "-b", "main")
    (tmp_path / ".env").write_text("A=1")
    git("add", ".env")
    (tmp_path / "new").write_text("")
    assert FACTS.git(tmp_path) == Git("main", 2, (".env",))
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")
    assert FACTS.git(tmp_path) == Git("main", 1, (".env",))


def test_a_machine_without_git_has_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert FACTS.git(tmp_path) is None


def test_half_written_files_are_found_but_not_in_the_services_own_folders(tmp_path: Path) -> None:
    for name in ("secrets", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".writing-1-ab").touch()
    assert FACTS.half_written(tmp_path) == (tmp_path / "secrets" / ".writing-1-ab",)


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"abc")
    assert FACTS.digest(tmp_path / "m") == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(ModelBroken, match="cannot be read"):
        FACTS.digest(tmp_path / "missing")


def test_repairs_take_rights_from_others_and_remove_files(tmp_path: Path) -> None:
    file, repairs = tmp_path / "x", LocalRepairs()
    file.touch()
    file.chmod(0o667)
    repairs.close_to_others(file)
    assert file.stat().st_mode & 0o777 == 0o600
    repairs.remove_file(file)
    repairs.remove_file(file)
    assert not file.exists()
    with pytest.raises(StateUnwritable):
        repairs.close_to_others(file)


def test_the_hub_tells_the_time_and_one_that_does_not_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve([Reply()]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        found = FACTS.web()
    assert (found.fault, found.asked) == ("", True)
    assert found.ahead == pytest.approx(0, abs=5)
    assert FACTS.web().fault.startswith(server.url)


class FakeCuda:
    """NVIDIA's library as it answers; `fails` maps a call to its code."""

    def __init__(self, **fails: int) -> None:
        self.fails = fails
        self.called: list[str] = []

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        def call(*_: object) -> int:
            self.called.append(name)
            return self.fails.get(name, 0)

        return call

    def cuGetErrorString(self, code: int, text: object) -> int:
        target = text._obj  # type: ignore[attr-defined]
        target.value = b"out of memory"
        return 0


def test_memory_of_a_card_is_taken_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    monkeypatch.setattr(cuda_allocation, "_load", lambda: cuda)
    assert cuda_allocation.allocate(0) == ""
    assert cuda.called[-2:] == ["cuMemAlloc_v2", "cuMemFree_v2"]


def test_a_card_without_memory_is_told_in_the_drivers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_allocation, "_load", lambda: FakeCuda(cuMemAlloc_v2=2))
    assert cuda_allocation.allocate(0) == "cuMemAlloc_v2: out of memory (2)"


@pytest.mark.process
def test_the_drivers_library_is_asked_in_a_process_of_its_own() -> None:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        assert FACTS.allocate(0) == "libcuda.so.1, NVIDIA's driver library, is not there"
    else:
        assert FACTS.allocate(10**6).startswith("cu")
