"""What a command prints: text for people, or one JSON object. The only place that writes to stdout."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Output:
    """How the command that runs now shall print."""

    command: str
    json: bool = False
    quiet: bool = False
    no_color: bool = False

    def show(self, report: dict[str, Any], text: str | None = None, exit_code: int = 0) -> int:
        """Print the report (as JSON) or the text; returns the exit code, so that commands can end with it."""
        if self.json:
            self._print_json(report, exit_code)
        elif not self.quiet and text:
            _write(text if text.endswith("\n") else text + "\n")
        return exit_code

    def say(self, line: str) -> None:
        """Print one line before the report, for people only."""
        if not self.json and not self.quiet:
            _write(line + "\n")

    def stream(self, pieces: Iterable[str]) -> int:
        """Print text as it comes; a reader that goes away (`| head`) ends it quietly."""
        for piece in pieces:
            if not _write(piece):
                break
        return 0

    def follow(self, pieces: Iterable[str], *, endless: bool) -> int:
        """Print text as it comes; Ctrl-C is the usual way to end what has no end of its own."""
        try:
            return self.stream(pieces)
        except KeyboardInterrupt:
            if endless:
                return 0
            raise

    def show_error(self, error: dict[str, Any], exit_code: int) -> None:
        """Print an error: as JSON on stdout, or `error:` and `hint:` on stderr."""
        if self.json:
            self._print_json({"error": error}, exit_code)
            return
        sys.stderr.write(f"{self._styled('error:', '31;1')} {error['message']}\n")
        if error.get("hint"):
            sys.stderr.write(f"{self._styled('hint:', '36')}  {error['hint']}\n")

    def _print_json(self, report: dict[str, Any], exit_code: int) -> None:
        head = {"schema": f"aisuite.{self.command}/1", "ok": exit_code == 0, "exit_code": exit_code}
        _write(json.dumps({**head, **report}, ensure_ascii=False, default=str) + "\n")

    def _styled(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colors(sys.stderr) else text

    def colors(self, stream: Any) -> bool:
        """Whether to colour what goes to this stream."""
        return not self.no_color and "NO_COLOR" not in os.environ and stream.isatty()

    @property
    def live(self) -> bool:
        """Whether moving progress may be drawn: only for a person who looks at a terminal."""
        return sys.stderr.isatty() and not self.json and not self.quiet


def _write(text: str) -> bool:
    """Print at once; return whether anybody still reads. Raises OSError when the output cannot take it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        give_up_stdout()
        return False
    return True


def give_up_stdout() -> None:
    """Let what is still printed go nowhere: Python would try to flush it at its exit, and fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Current:
    """The output of the command that runs in this process; the error boundary prints through it."""

    output = Output("aisuite")


def begin(command: str, *, json: bool = False, quiet: bool = False, no_color: bool = False) -> Output:
    """Say which command runs and how it prints; each command calls this first."""
    Current.output = Output(command, json, quiet, no_color)
    return Current.output
