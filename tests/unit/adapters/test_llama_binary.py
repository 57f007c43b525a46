from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.llama_binary import find_llama_server, parse_help
from aisuite.errors import EngineUnavailable
from aisuite.services.inference.flags import describe_flags
from aisuite.stack.inference import LLAMA_FLAGS

HELP = """\
----- common params -----

-t,    --threads N                      number of CPU threads; see --numa
                                        -x is no flag of its own here
-kvu,  --kv-unified, -no-kvu, --no-kv-unified
                                        (env: LLAMA_ARG_KV_UNIFIED)
--chat-template JINJA_TEMPLATE          -1 for none
"""


@pytest.fixture
def binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file called llama-server on PATH that cannot be run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "llama-server"
    path.write_bytes(b"\x7fELF of another machine")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return path


def remember(cache: Path, path: Path, flags: list[str]) -> None:
    status = path.stat()
    said = {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns, "version": "b1", "flags": flags}
    cache.mkdir(exist_ok=True)
    (cache / "llama-server.json").write_text(json.dumps(said))


def test_help_gives_the_flags_and_not_those_its_texts_mention() -> None:
    expected = {"-t", "--threads", "-kvu", "--kv-unified", "-no-kvu", "--no-kv-unified", "--chat-template"}
    assert parse_help(HELP) == expected


@given(st.text())
def test_any_text_can_be_read_as_help(text: str) -> None:
    assert all(flag.startswith("-") for flag in parse_help(text))


def test_the_launcher_lists_every_flag_we_use() -> None:
    assert parse_help(describe_flags()) >= LLAMA_FLAGS


def test_without_a_binary_the_wheel_is_taken_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_llama_server(frozenset({"-m"}), tmp_path)
    assert found.argv_prefix == (sys.executable, "-m", "aisuite.services.inference")
    assert (found.kind, found.why) == ("wheel", "no llama-server on PATH")
    assert found.version[0].isdigit()


def test_a_binary_that_has_not_changed_is_not_run_again(binary: Path, tmp_path: Path) -> None:
    remember(tmp_path / "cache", binary, ["-m", "--fit"])
    found = find_llama_server(frozenset({"-m"}), tmp_path / "cache")
    assert (found.argv_prefix, found.kind, found.version) == ((str(binary),), "path", "b1")


def test_a_binary_that_lacks_a_flag_is_passed_over_by_name(binary: Path, tmp_path: Path) -> None:
    remember(tmp_path / "cache", binary, ["-m"])
    found = find_llama_server(frozenset({"-m", "--fit", "--jinja"}), tmp_path / "cache")
    assert found.kind == "wheel"
    assert found.why.startswith("llama-server on PATH lacks --fit, --jinja ")


def test_with_neither_both_ways_to_get_one_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="no llama-server on PATH") as caught:
        find_llama_server(frozenset(), tmp_path)
    assert caught.value.hint == "pip install 'aisuite[local]', or: brew install llama.cpp"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"path": 1}', "\x00"])
def test_a_damaged_record_is_no_record(text: str, binary: Path, tmp_path: Path) -> None:
    (tmp_path / "llama-server.json").write_text(text)
    os.utime(binary)
    assert find_llama_server(frozenset(), tmp_path).kind == "wheel"
