"""`tests/bed/bed up | env | down | status`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time

from tests.bed import engine
from tests.bed.images import catalogue, outdated
from tests.bed.place import Bed, BedError
from tests.bed.up import bring_down, bring_up


def main() -> int:
    """Run one command; progress goes to stderr, so that `env` can be evaluated."""
    parser = argparse.ArgumentParser(prog="tests/bed/bed", description="A Docker Engine with all images, for tests.")
    parser.add_argument("command", choices=("up", "env", "down", "status"))
    command = parser.parse_args().command
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f}s  {line}", file=sys.stderr, flush=True)

    try:
        bed = Bed.from_environment()
        if command == "up":
            bring_up(bed, say)
        elif command == "down":
            bring_down(bed, say)
        elif command == "env":
            print("export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in bed.variables().items()))
        else:
            return _status(bed)
    except BedError as err:
        print(f"error: {err}", file=sys.stderr)
        if err.hint is not None:
            print(f"hint: {err.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from there", file=sys.stderr)
        return 130
    return 0


def _status(bed: Bed) -> int:
    running = engine.version(bed)
    print(f"Docker Engine {running} on {bed.socket}" if running else f"no Docker Engine runs in {bed.root}")
    if running is None:
        return 1
    images = catalogue(bed)
    to_build = outdated(bed, images)
    for image in images:
        print(f"{'to build' if image in to_build else 'ready':9} {image.name}  ({image.contains})")
    return 1 if to_build else 0


if __name__ == "__main__":
    sys.exit(main())
