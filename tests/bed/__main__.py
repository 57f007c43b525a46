"""`tests/bed/bed up | env | run COMMAND... | down | status`."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import time
from typing import NoReturn

from tests.bed import engine, network
from tests.bed.images import catalogue, outdated
from tests.bed.place import Bed, BedError
from tests.bed.up import bring_down, bring_up


def main() -> int:
    """Run one command; progress goes to stderr, so that `env` can be evaluated."""
    parser = argparse.ArgumentParser(prog="tests/bed/bed", description="A Docker Engine with all images, for tests.")
    parser.add_argument("command", choices=("up", "env", "run", "down", "status"))
    parser.add_argument("words", nargs=argparse.REMAINDER, help="of `run`: a command and its arguments")
    arguments = parser.parse_args()
    command: str = arguments.command
    if (command == "run") != bool(arguments.words):
        parser.error("`run` takes a command to run, and nothing else takes one")
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
            _print_variables(bed)
        elif command == "run":
            _run(bed, arguments.words)
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


def _print_variables(bed: Bed) -> None:
    print("export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in bed.variables().items()))
    if network.find(bed) is not None:
        print(
            "note: the bed has a network of its own; what is to reach its ports: tests/bed/bed run ...", file=sys.stderr
        )


def _run(bed: Bed, words: list[str]) -> NoReturn:
    """Become a command that finds the bed, in its network."""
    if engine.version(bed) is None:
        raise BedError(f"no Docker Engine runs in {bed.root}", "tests/bed/bed up")
    variables = os.environ | bed.variables()
    program = shutil.which(words[0], path=variables["PATH"])
    if program is None:
        raise BedError(f"{words[0]} is not on this machine")
    with network.entered(network.find(bed)):
        os.execve(program, words, variables)


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
