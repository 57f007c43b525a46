"""The gateway's own Python environment: LiteLLM's pins conflict with ours, so it gets one of its own."""

from __future__ import annotations

import fcntl
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from hashlib import sha256
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

from aisuite.adapters.uv_program import find_uv
from aisuite.errors import DiskFull, DownloadFailed, StateUnwritable
from aisuite.resources import find_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aisuite.ports import Progress

_MARKER = "complete.json"  # written last
_START = "start_gateway.py"
_NEEDED_BYTES = 10**9  # measured: 750 MB of files with their bytecode, 50 MB of uv's own records
_TICK = 0.5  # seconds between two looks at work that says nothing itself
_GRACE = 5.0  # seconds for uv to end by itself
_START_TEXT = '''\
"""Run the proxy of LiteLLM.

A million objects are made while it is imported and all of them stay. Looking through them for garbage
takes a quarter of the start, so collection begins when the modules are loaded.
"""

import gc
import sys

gc.disable()
import litellm.proxy.proxy_server  # noqa: E402

gc.freeze()
gc.enable()

from litellm_cli.main import proxy_server  # noqa: E402

sys.argv[0] = "litellm"
sys.exit(proxy_server())
'''


class GatewayEnv:
    """LiteLLM's environment below `root`, made at first use (a `Preparer`).

    One folder for each lock file, Python version and platform: a change of any of them makes a new one.
    `offline`: of packages that uv has kept from before, or not at all.
    """

    def __init__(self, root: Path, *, offline: bool = False) -> None:
        self._root = root
        self._offline = offline
        self._requirements = find_data_dir("templates") / "gateway" / "requirements.txt"
        digest = sha256(self._requirements.read_bytes() + _START_TEXT.encode()).hexdigest()[:16]
        self._folder = root / f"{digest}-{sys.implementation.cache_tag}-{sys.platform}-{os.uname().machine}"
        self._python = self._folder / "bin" / "python"

    @property
    def what(self) -> str:
        """In words, for the plan."""
        return "the gateway's own environment (LiteLLM, about 750 MB)"

    @property
    def program(self) -> tuple[str, ...]:
        """The first words of LiteLLM's command line, also before the environment exists.

        Isolated (-I): no variable and no folder of the caller changes what is imported.
        """
        return (str(self._python), "-I", str(self._folder / _START))

    def find(self) -> Path | None:
        """Return the environment's interpreter, or None when the environment is absent or damaged."""
        try:
            packages = json.loads((self._folder / _MARKER).read_text(encoding="utf-8"))["packages"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        # `exists` follows the link to the interpreter that the environment was made with.
        sound = self._python.exists() and (self._folder / _START).exists()
        return self._python if sound and self._count_packages() == packages else None

    def done(self) -> bool:
        """Whether it is there, complete."""
        return self.find() is not None

    def run(self, progress: Progress) -> None:
        """Make the environment; when another aisuite is making it, wait for that one.

        Raises DownloadFailed, DiskFull, StateUnwritable, EngineUnavailable.
        """
        uv = find_uv("the gateway's environment")
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with self._locked(progress) as lock:
                if not self.done():
                    self._make(uv, lock, progress)
        except OSError as err:
            raise StateUnwritable(f"cannot write the gateway's environment below {self._root}: {err}") from err

    def find_old(self) -> tuple[Path, ...]:
        """Return environments of other locks, Python versions or platforms: nothing here uses them."""
        if not self._root.is_dir():
            return ()
        return tuple(sorted(path for path in self._root.iterdir() if path.is_dir() and path != self._folder))

    @contextmanager
    def _locked(self, progress: Progress) -> Iterator[int]:
        with (self._root / ".lock").open("a", encoding="utf-8") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    progress("waiting: another aisuite is making the gateway's environment", 0, 0)
                    time.sleep(_TICK)
            yield handle.fileno()

    def _make(self, uv: str, lock: int, progress: Progress) -> None:
        free = shutil.disk_usage(self._root).free
        if free < _NEEDED_BYTES:
            raise DiskFull(
                f"the gateway's environment needs {_NEEDED_BYTES // 10**6} MB below {self._root}, "
                f"{free // 10**6} MB are free",
                f"df -h {self._root}",
            )
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            watch = _Watch(progress, self._folder)
            self._run_uv([uv, "venv", "--no-project", "--python", sys.executable, str(self._folder)], lock, watch)
            sync = ["--require-hashes", "--no-build", "--compile-bytecode", str(self._requirements)]
            self._run_uv([uv, "pip", "sync", "--python", str(self._python), *sync], lock, watch)
            (self._folder / _START).write_text(_START_TEXT, encoding="utf-8")
            unfinished = self._folder / f".{_MARKER}"
            unfinished.write_text(json.dumps({"packages": self._count_packages()}), encoding="utf-8")
            unfinished.replace(self._folder / _MARKER)
        finally:
            if not self.done():
                shutil.rmtree(self._folder, ignore_errors=True)

    def _run_uv(self, argv: Sequence[str], lock: int, watch: _Watch) -> None:
        # Variables such as PYTHONPATH are about the caller's Python, not about this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        process = subprocess.Popen(
            [*argv, "--color", "never", *(["--offline"] if self._offline else [])],
            cwd=self._root,  # away from any project with a uv configuration of its own
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(lock,),  # should aisuite be killed, the lock is held until uv has ended too
        )
        said: list[str] = []
        try:
            assert process.stderr is not None
            for line in _lines(process.stderr):
                if line is not None:
                    said.append(line)
                watch.see(line)
            if process.wait() != 0:
                raise _failure(said, offline=self._offline)
        finally:
            _end(process)

    def _count_packages(self) -> int:
        packages = self._folder / "lib" / _library() / "site-packages"
        return sum(1 for _ in packages.glob("*.dist-info"))


class _Watch:
    """Turns what uv says and writes into progress: MiB while it downloads, files while it compiles.

    Reports at every look, news or not: a caller who wants to stop raises from there.
    """

    _DOWNLOADING = re.compile(r"\s*Downloading (\S+) \(([\d.]+)(B|KiB|MiB|GiB)\)")
    _DOWNLOADED = re.compile(r"\s*Downloaded (\S+)")
    _MIB = MappingProxyType({"B": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10})

    def __init__(self, progress: Progress, folder: Path) -> None:
        self._progress = progress
        self._folder = folder
        self._wanted: dict[str, float] = {}
        self._fetched: set[str] = set()
        self._sources = 0

    def see(self, line: str | None) -> None:
        """Take a line of uv, or None when it was silent for a while."""
        if line is not None:
            if match := self._DOWNLOADING.match(line):
                self._wanted[match[1]] = float(match[2]) * self._MIB[match[3]]
            elif match := self._DOWNLOADED.match(line):
                self._fetched.add(match[1])
            elif line.startswith("Installed "):
                self._sources = self._count("*.py")
            else:
                return
        self._report()

    def _report(self) -> None:
        if self._sources:
            self._progress("compiling the gateway's modules", self._count("*.pyc"), self._sources)
        elif self._wanted:
            done = sum(self._wanted.get(name, 0.0) for name in self._fetched)
            total = sum(self._wanted.values())
            self._progress("downloading the gateway's packages, MiB", round(done), round(total))
        else:
            self._progress("looking up the gateway's packages", 0, 0)

    def _count(self, pattern: str) -> int:
        return sum(1 for _ in self._folder.rglob(pattern))


def _library() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _lines(stream: IO[bytes]) -> Iterator[str | None]:
    """Yield each line as it comes, and None whenever there was none for `_TICK` seconds."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(_TICK):
                yield None
                continue
            chunk = os.read(stream.fileno(), 65536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _failure(said: Sequence[str], *, offline: bool = False) -> DiskFull | DownloadFailed:
    errors = [line.strip() for line in said if line.startswith(("error:", "  cause:"))] or list(said[-1:])
    words = [errors[0].removeprefix("error:").strip()] if errors else ["uv said nothing"]
    words += [cause.removeprefix("cause:").strip() for cause in errors[1:][-1:]]
    reason = ": ".join(words)
    if "No space left on device" in reason:
        return DiskFull(f"the disk is full: {reason}", "df -h")
    again = (
        "run the same command again; with a package mirror: UV_DEFAULT_INDEX=https://mirror.example/simple aisuite up"
    )
    return DownloadFailed(
        f"the gateway's packages could not be installed: {reason}",
        "once with a network: aisuite up" if offline else again,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no uv behind, whatever ended the wait for it."""
    if process.stderr is not None:
        process.stderr.close()
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
