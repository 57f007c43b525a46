"""Programs called llama-server, as they lie about on PATH: each is run once, and taken or passed over with a reason."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aisuite.adapters import llama_binary
from aisuite.adapters.llama_binary import find_llama_server

pytestmark = pytest.mark.process

GOOD = """\
case "$1" in
  --help) echo "-m,    --model FNAME    model path"; echo "-fit,  --fit [on|off]   fit" ;;
  --version) echo "version: 9.9 (build 1)" >&2 ;;
esac
"""


def install(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a llama-server on PATH; each run of it adds a line to `runs`."""
    path = folder / "llama-server"
    path.write_text(f'#!/bin/sh\necho "$1" >> "{folder}/runs"\n{script}')
    path.chmod(0o755)
    (folder / "runs").touch()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return path


def runs(folder: Path) -> list[str]:
    return (folder / "runs").read_text().split()


def test_a_fitting_binary_is_taken_and_asked_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = install(tmp_path, GOOD, monkeypatch)
    for _ in range(2):
        found = find_llama_server(frozenset({"-m", "--fit"}), tmp_path / "cache")
        assert (found.argv_prefix, found.kind, found.version) == ((str(path),), "path", "9.9 (build 1)")
    assert runs(tmp_path) == ["--help", "--version"]


def test_a_changed_binary_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, GOOD, monkeypatch)
    find_llama_server(frozenset({"-m"}), tmp_path / "cache")
    install(tmp_path, GOOD.replace("9.9", "9.10"), monkeypatch)
    assert find_llama_server(frozenset({"-m"}), tmp_path / "cache").version == "9.10 (build 1)"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'libggml.so.0: cannot open shared object file' >&2; exit 127", "is broken: libggml.so.0: cannot open"),
        ("exit 3", "is broken: exit code 3"),
        ("echo usage", "lists no flags in its --help"),
        (GOOD.replace("-fit,  --fit", "-old"), "lacks --fit"),
        ("kill -SEGV $$", "is broken: exit code -11"),
        ("exec sleep 60", "does not answer --help within 0.2 s"),
    ],
)
def test_an_unfit_binary_is_passed_over_with_the_reason(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_binary, "_TIMEOUT", 0.2 if "sleep" in script else 10.0)
    path = install(tmp_path, script, monkeypatch)
    found = find_llama_server(frozenset({"-m", "--fit"}), tmp_path / "cache")
    assert (found.argv_prefix[0], found.kind) == (sys.executable, "wheel")
    assert found.why.startswith(f"llama-server on PATH {why}")
    assert str(path) in found.why


def test_a_cache_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, GOOD, monkeypatch)
    (tmp_path / "cache").write_text("in the way")
    assert find_llama_server(frozenset({"-m"}), tmp_path / "cache").kind == "path"
