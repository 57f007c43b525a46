"""kill -9 while a file is being replaced, again and again: it is old or new, and never a part."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from aisuite.adapters.durable import UNFINISHED, write_durably

KILLS = 25
SIZE = 2**18

WRITER = textwrap.dedent(
    """
    import itertools, sys
    from pathlib import Path
    from aisuite.adapters.durable import write_durably
    target, size = Path(sys.argv[1]), int(sys.argv[2])
    for number in itertools.count():
        write_durably(target, bytes([65 + number % 26]) * size)
        if not number:
            print("writing", flush=True)
    """
)


@pytest.mark.process
def test_a_file_that_is_written_while_kill_9_comes_is_never_torn(tmp_path: Path) -> None:
    target, moments, left = tmp_path / "state.json", random.Random(6), 0
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(target), str(SIZE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"writing\n"
            time.sleep(moments.uniform(0, 0.01))
            os.kill(writer.pid, signal.SIGKILL)
        content = target.read_bytes()
        assert len(content) == SIZE
        assert len(set(content)) == 1
        left += sum(one.name.startswith(UNFINISHED) for one in tmp_path.iterdir())
    assert left  # else no kill came in the middle of a write, and nothing was proved
    write_durably(target, b"end")
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]
