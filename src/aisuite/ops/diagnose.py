"""From what a service left behind to a cause in words, the line that proves it, and what to do. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import NotReady, StepFailed
from aisuite.plan.observed import Findings
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aisuite.plan.observed import Observed
    from aisuite.stack.model import Service


@dataclass(frozen=True, slots=True)
class _Sign:
    """A pattern in a log, what it means, and the fix (may use {port} and {model})."""

    pattern: re.Pattern[str]
    cause: str
    hint: str


def _sign(pattern: str, cause: str, hint: str) -> _Sign:
    return _Sign(re.compile(pattern, re.IGNORECASE), cause, hint)


_OLD_DRIVER = _sign(
    r"CUDA driver version is insufficient|unsatisfied condition: cuda",
    "the card's driver is too old for its image",
    "see the driver: nvidia-smi; or set images.llama_gpu to an older one",
)
_CPU_HINT = "see the cards: nvidia-smi -L; or use the CPU on purpose: aisuite up --profile phase2-cpu"
# llama.cpp goes on without a card, and says so; the specific stand before the general.
_ON_CPU_SIGNS = (
    _OLD_DRIVER,
    _sign(r"failed to initialize CUDA|no CUDA-capable device|failed to load \S*libggml-cuda",
          "it cannot use the card that the profile asks for, and runs on the CPU", _CPU_HINT),
    _sign(r"no usable GPU found",
          "it finds no card although the profile asks for one, and runs on the CPU", _CPU_HINT),
)  # fmt: skip
# In order: the first that matches any of the last lines wins, so the specific stand before the general.
_SIGNS = (
    _sign(r"cudaMalloc failed|CUDA error.*out of memory|out of device memory|ErrorOutOfDeviceMemory",
          "the card's memory is full", "lower models.*.gpu_layers or models.*.context, then: aisuite up"),
    _OLD_DRIVER,
    _sign(r"temporary failure in name resolution|name or service not known|could not resolve host",
          "a name that it calls cannot be resolved", "see which names it calls: aisuite render --diff"),
    _sign(r"address already in use|couldn't bind|port .* (is )?taken|errno 98",
          "its port {port} is taken", "find the holder: ss -ltnp 'sport = :{port}'"),
    _sign(r"no space left on device|disk quota exceeded", "the disk is full", "see what is left: df -h"),
    _sign(r"failed to open GGUF file .*permission denied", "it may not read its model file",
          "let everybody read it: chmod a+r {model}"),
    _sign(r"failed to open GGUF file .*no such file",
          "its model file is not there as it sees it; a link that leads out of its folder ends inside a container",
          "see where it leads: readlink -f {model}"),
    _sign(r"invalid magic|failed to read magic|not a gguf|failed to (load|open|read) (the )?(model|GGUF)"
          r"|unable to load model|gguf_init",
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
_NOTHING = Findings()
_KILLED = -9
_SIGNALS = {_KILLED: "it was killed (SIGKILL; often the kernel, out of memory)", -11: "it crashed (segmentation fault)"}
_SIGNALS |= {-6: "it aborted", -4: "it crashed (illegal instruction: built for another CPU)"}


def diagnose(
    service: Service, exit_code: int | None, log: Sequence[str], otherwise: str, findings: Findings = _NOTHING
) -> NotReady:
    """Return why a service is not ready; `otherwise` says it when neither engine, log nor exit code does."""
    lines = [line.strip() for line in log if line.strip()]
    if findings.out_of_memory:
        return _out_of_memory(service, lines)
    known = _recognise(_SIGNS, service, lines)
    if known is not None:
        return known
    cause = _SIGNALS.get(exit_code or 0, otherwise)
    if exit_code == _KILLED and service.memory is not None:
        cause += f"; its memory limit is {service.memory}"
    return NotReady(
        service.name, cause, _short(lines[-1]) if lines else "", f"read its log: aisuite logs {service.name}"
    )


def find_cpu_fallback(service: Service, log: Iterable[str]) -> NotReady | None:
    """Return why a service that shall use a card, and answers, does not use it; `log` is that of its whole start."""
    return _recognise(_ON_CPU_SIGNS, service, [line.strip() for line in log]) if service.gpu else None


def _recognise(signs: Iterable[_Sign], service: Service, lines: Sequence[str]) -> NotReady | None:
    for sign in signs:
        evidence = next((line for line in reversed(lines) if sign.pattern.search(line)), None)
        if evidence is not None:
            words = {"port": service.published.port, "model": _model_file(service)}
            return NotReady(service.name, sign.cause.format(**words), _short(evidence), sign.hint.format(**words))
    return None


def health_faults(observed: Observed) -> tuple[StepFailed, ...]:
    """Return what is wrong with services that answer us, though their engine can never find them well."""
    return tuple(
        StepFailed(
            f"{one.name}: it answers, but its image lacks the health command: the engine will call it unhealthy\n"
            f"  the engine says: {_short(one.health_fault)}",
            "name an image that has the command (images: in the profile), then: aisuite up",
        )
        for one in observed.services
        if one.ready and one.health_fault
    )


def how_it_ended(exit_code: int | None, times: int) -> str:
    """Return in words how a service ended, and how often if it did so again and again."""
    ended = "it ended" if exit_code is None else f"it ended with exit code {exit_code}"
    return f"{ended}, {times} times in a row" if times > 1 else ended


def _out_of_memory(service: Service, lines: Sequence[str]) -> NotReady:
    evidence = _short(lines[-1]) if lines else ""
    if service.memory is None:
        cause = "the kernel killed it, because this machine's memory is full (the engine saw it: oom)"
        return NotReady(service.name, cause, evidence, "see what is left: free -h")
    cause = f"the kernel killed it at its memory limit of {service.memory} (the engine saw it: oom)"
    model = service.role is Role.INFERENCE
    key = f"models.{service.name.removeprefix('inference-')}" if model else f"services.{service.name}"
    return NotReady(service.name, cause, evidence, f"raise {key}.memory in the profile, then: aisuite up")


def _model_file(service: Service) -> str:
    """Return the model file of a model server as this machine names it."""
    words = service.command
    path = next((words[i + 1] for i, word in enumerate(words[:-1]) if word == "-m"), "its model file")
    for mount in service.mounts:
        if path.startswith(f"{mount.target}/"):
            return mount.source + path.removeprefix(mount.target)
    return path


def _short(line: str, limit: int = 300) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"
