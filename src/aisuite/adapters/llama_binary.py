"""Find the program that serves GGUF models: llama-server from PATH, else the launcher of the wheel xllamacpp."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from aisuite.adapters.durable import write_durably
from aisuite.errors import EngineUnavailable

_PROGRAM = "llama-server"
_WHEEL = "xllamacpp"
_LAUNCHER = "aisuite.services.inference"
_TIMEOUT = 10.0  # seconds; a server with GPU backends loads their libraries to print its help
_CACHE_FILE = "llama-server.json"


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """A model server that takes every flag we use. `why` says why it is this one."""

    argv_prefix: tuple[str, ...]
    kind: Literal["path", "wheel"]
    version: str
    why: str

    @property
    def why_no_card(self) -> str | None:
        """Why it cannot use a graphics card; None when it may."""
        return f"{self.why}, and the wheel {_WHEEL} is built for the CPU" if self.kind == "wheel" else None


@dataclass(frozen=True, slots=True)
class _Inspected:
    """What a binary said about itself. The first three fields tell whether it is still the same file."""

    path: str
    size: int
    mtime_ns: int
    version: str
    flags: list[str]


class _Unusable(Exception):
    """The llama-server on PATH cannot be taken; the text says why."""


def find_llama_server(flags: frozenset[str], cache: Path) -> LlamaServer:
    """Return the model server to start; it knows all of `flags`.

    What a llama-server on PATH says about itself is kept in the folder `cache`, so that it is run only when it
    changed. Raises EngineUnavailable.
    """
    try:
        return _on_path(flags, cache)
    except _Unusable as err:
        why = str(err)
    if importlib.util.find_spec(_WHEEL) is None:
        raise EngineUnavailable(
            f"there is no model server: {why}, and the wheel {_WHEEL} is not installed",
            "pip install 'aisuite[local]', or: brew install llama.cpp",
        )
    return LlamaServer((sys.executable, "-m", _LAUNCHER), "wheel", importlib.metadata.version(_WHEEL), why)


def parse_help(text: str) -> frozenset[str]:
    """Return the flags that a llama-server's --help lists: those before the text on each unindented line."""
    flags: set[str] = set()
    for line in text.splitlines():
        for word in line.split() if line.startswith("-") else ():
            name = word.rstrip(",")
            if not name.strip("-") or not name.startswith("-"):
                break
            flags.add(name)
    return frozenset(flags)


def _on_path(flags: frozenset[str], cache: Path) -> LlamaServer:
    found = shutil.which(_PROGRAM)
    if found is None:
        raise _Unusable(f"no {_PROGRAM} on PATH")
    path = Path(found).absolute()
    said = _inspect(path, cache / _CACHE_FILE)
    missing = sorted(flags - set(said.flags))
    if missing:
        raise _Unusable(f"{_PROGRAM} on PATH lacks {', '.join(missing)} ({path}, {said.version})")
    return LlamaServer((str(path),), "path", said.version, f"{_PROGRAM} on PATH: {path}")


def _inspect(path: Path, cache_file: Path) -> _Inspected:
    status = path.stat()
    same_file = (str(path), status.st_size, status.st_mtime_ns)
    known = _read_cache(cache_file)
    if known is not None and (known.path, known.size, known.mtime_ns) == same_file:
        return known
    flags = parse_help(_ask(path, "--help"))
    if not flags:
        raise _Unusable(f"{_PROGRAM} on PATH lists no flags in its --help ({path})")
    said = _Inspected(*same_file, _version(_ask(path, "--version")), sorted(flags))
    _write_cache(cache_file, said)
    return said


def _ask(path: Path, flag: str) -> str:
    try:
        answer = subprocess.run(
            [str(path), flag], capture_output=True, stdin=subprocess.DEVNULL, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as err:
        raise _Unusable(f"{_PROGRAM} on PATH does not answer {flag} within {_TIMEOUT:g} s ({path})") from err
    except OSError as err:
        raise _Unusable(f"{_PROGRAM} on PATH cannot run: {err.strerror} ({path})") from err
    # It writes --version to either stream, depending on its age.
    text = (answer.stdout + b"\n" + answer.stderr).decode(errors="replace")
    if answer.returncode != 0:
        last = text.strip().splitlines()[-1:] or [f"exit code {answer.returncode}"]
        raise _Unusable(f"{_PROGRAM} on PATH is broken: {last[0]} ({path})")
    return text


def _version(text: str) -> str:
    for line in text.splitlines():
        if line.startswith("version:"):
            return line.removeprefix("version:").strip()
    return "unknown version"


def _read_cache(file: Path) -> _Inspected | None:
    try:
        return _Inspected(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # absent, cut off, or of another version: ask again
        return None


def _write_cache(file: Path, said: _Inspected) -> None:
    """Keep the answer; a folder that cannot be written only costs the next run some time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(file, json.dumps(asdict(said)).encode())
    except OSError:
        return
