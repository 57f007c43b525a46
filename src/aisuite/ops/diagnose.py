"""From what a service left behind to a cause in words, the line that proves it, and what to do. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import NotReady

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.stack.model import Service


@dataclass(frozen=True, slots=True)
class _Sign:
    """A pattern in a log, what it means, and the fix (may use {name} and {port})."""

    pattern: re.Pattern[str]
    cause: str
    hint: str


def _sign(pattern: str, cause: str, hint: str) -> _Sign:
    return _Sign(re.compile(pattern, re.IGNORECASE), cause, hint)


# In order: the first that matches any of the last lines wins, so the specific stand before the general.
_SIGNS = (
    _sign(r"cudaMalloc failed|CUDA error.*out of memory|out of device memory|ErrorOutOfDeviceMemory",
          "the card's memory is full", "lower models.*.gpu_layers or models.*.context, then: aisuite up"),
    _sign(r"address already in use|couldn't bind|port .* (is )?taken|errno 98",
          "its port {port} is taken", "find the holder: ss -ltnp 'sport = :{port}'"),
    _sign(r"no space left on device|disk quota exceeded", "the disk is full", "see what is left: df -h"),
    _sign(r"invalid magic|not a gguf|failed to (load|open|read) (the )?(model|GGUF)|unable to load model|gguf_init",
          "its model file cannot be loaded", "fetch it again: aisuite models pull --force"),
    _sign(r"unknown (model )?architecture", "this llama.cpp does not know the model's architecture",
          "take a newer llama-server, or another model"),
    _sign(r"unknown argument|invalid argument|unrecognized arguments|error while handling argument",
          "its program does not know one of its flags", "show the command: aisuite render --diff"),
    _sign(r"No module named", "a Python package is missing", "install it: pip install 'aisuite[local,services]'"),
    _sign(r"permission denied|operation not permitted", "it may not read or write a file",
          "show who owns the files: ls -la .aisuite"),
    _sign(r"std::bad_alloc|cannot allocate memory|MemoryError", "this machine's memory is full",
          "see what is left: free -h"),
)  # fmt: skip
_SIGNALS = {-9: "it was killed (SIGKILL; often the kernel, out of memory)", -11: "it crashed (segmentation fault)"}
_SIGNALS |= {-6: "it aborted", -4: "it crashed (illegal instruction: built for another CPU)"}


def diagnose(service: Service, exit_code: int | None, log: Sequence[str], otherwise: str) -> NotReady:
    """Return why a service is not ready; `otherwise` says it when neither log nor exit code does."""
    lines = [line.strip() for line in log if line.strip()]
    for sign in _SIGNS:
        evidence = next((line for line in reversed(lines) if sign.pattern.search(line)), None)
        if evidence is not None:
            port = service.published.port
            return NotReady(service.name, sign.cause.format(port=port), _short(evidence), sign.hint.format(port=port))
    cause = _SIGNALS.get(exit_code or 0, otherwise)
    return NotReady(
        service.name, cause, _short(lines[-1]) if lines else "", f"read its log: aisuite logs {service.name}"
    )


def _short(line: str, limit: int = 300) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"
