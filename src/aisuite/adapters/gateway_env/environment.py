"""The gateway's own Python environment: LiteLLM's pins conflict with ours, so it gets one of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from aisuite.adapters.durable import write_durably
from aisuite.adapters.gateway_env.uv_output import Watch, failure, read_lines
from aisuite.adapters.uv_program import find_uv
from aisuite.errors import DiskFull, StateUnwritable
from aisuite.resources import find_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aisuite.ports import Progress

_MARKER = "complete.json"  # written last
_NEEDED_BYTES = 10**9  # measured: 750 MB of files with their bytecode, 50 MB of uv's own records
_TICK = 0.5  # seconds between two looks at somebody else's work
_GRACE = 5.0  # seconds for uv to end by itself


class GatewayEnv:
    """LiteLLM's environment below `root`, made at first use (a `Preparer`).

    One folder for each lock file, Python version and platform: a change of any of them makes a new one.
    `offline`: of packages that uv has kept from before, or not at all.
    """

    def __init__(self, root: Path, *, offline: bool = False) -> None:
        self._root = root
        self._offline = offline
        self._requirements = find_data_dir("templates") / "gateway" / "requirements.txt"
        digest = sha256(self._requirements.read_bytes()).hexdigest()[:16]
        self._folder = root / f"{digest}-{sys.implementation.cache_tag}-{sys.platform}-{os.uname().machine}"
        self._python = self._folder / "bin" / "python"

    @property
    def what(self) -> str:
        """In words, for the plan."""
        return "the gateway's own environment (LiteLLM, about 750 MB)"

    @property
    def program(self) -> tuple[str, ...]:
        """Its interpreter as the first words of a command line, also before the environment exists.

        Isolated (-I): no variable and no folder of the caller changes what is imported.
        """
        return (str(self._python), "-I")

    def find(self) -> Path | None:
        """Return the environment's interpreter, or None when the environment is absent or damaged."""
        try:
            packages = json.loads((self._folder / _MARKER).read_text(encoding="utf-8"))["packages"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        # `exists` follows the link to the interpreter that the environment was made with.
        return self._python if self._python.exists() and self._count_packages() == packages else None

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
            with self.locked(progress) as lock:
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
    def locked(self, progress: Progress) -> Iterator[int]:
        """Keep every other aisuite from making environments here; gives the lock's descriptor, for children."""
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
            watch = Watch(progress, self._folder)
            self._run_uv([uv, "venv", "--no-project", "--python", sys.executable, str(self._folder)], lock, watch)
            sync = ["--require-hashes", "--no-build", "--compile-bytecode", str(self._requirements)]
            self._run_uv([uv, "pip", "sync", "--python", str(self._python), *sync], lock, watch)
            write_durably(self._folder / _MARKER, json.dumps({"packages": self._count_packages()}).encode())
        finally:
            if not self.done():
                shutil.rmtree(self._folder, ignore_errors=True)

    def _run_uv(self, argv: Sequence[str], lock: int, watch: Watch) -> None:
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
            for line in read_lines(process.stderr):
                if line is not None:
                    said.append(line)
                watch.see(line)
            if process.wait() != 0:
                raise failure(said, offline=self._offline)
        finally:
            _end(process)

    def _count_packages(self) -> int:
        packages = self._folder / "lib" / _library() / "site-packages"
        return sum(1 for _ in packages.glob("*.dist-info"))


def _library() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


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
