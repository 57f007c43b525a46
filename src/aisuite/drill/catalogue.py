"""Every fault that a drill knows, and what must hold while it lasts.

Bounds of model servers leave out the time that loading the model takes, that of a lost gateway what loading LiteLLM
takes, and `back_on_first` the gateway's cooldown: all are the stack's own, and are added when a trial is judged.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from aisuite.drill.model import Action, Fault, StubMode, Subject, Tolerance, Traffic
from aisuite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# A health check every 5 s, which asks twice, 5 s and 2 s long, and the restart that follows.
_NOTICE = 17.0
_BACK = 10.0  # seconds until what died is ready again
_RETURN = 5.0  # seconds until the first choice answers again, once it is ready

_SWITCH = Tolerance(back_on_first=_RETURN)
_UNANSWERABLE = Tolerance(plain_success=None, p99_added=None, explicit_error=15.0, recovers=5.0)
# Who sends the error events is gone: its streams break off.
_GATEWAY_GONE = replace(_UNANSWERABLE, healthy_again=_BACK, streams_marked=None)
_RAG_DOWN = Tolerance(p99_added=None, explicit_error=3.0, recovers=5.0)


def _stub(name: str, what: str, mode: StubMode) -> Fault:
    return Fault(name, what, Subject.FIRST, Action.STAND_IN, _SWITCH, mode=mode, held=True)


_ALL = (
    Fault("kill", "its process is killed", Subject.FIRST, Action.KILL,
          replace(_SWITCH, first_good=0.5, healthy_again=_BACK)),
    Fault("hang", "it runs on, but answers nothing", Subject.FIRST, Action.HANG,
          replace(_SWITCH, in_flight=_NOTICE, healthy_again=_NOTICE), notice=_NOTICE),
    Fault("pause", "its container is frozen", Subject.FIRST, Action.PAUSE,
          replace(_SWITCH, in_flight=_NOTICE), held=True, notice=_NOTICE),
    Fault("slow", "it answers late, but in time", Subject.FIRST, Action.STAND_IN,
          replace(_SWITCH, p99_added=None), mode=StubMode.SLOW, held=True),
    _stub("error-500", "it answers every request with 500", StubMode.SERVER_ERROR),
    _stub("error-503", "it answers as if its model were still loading", StubMode.LOADING),
    _stub("error-429", "it answers that there are too many requests", StubMode.TOO_MANY),
    _stub("error-garbage", "its answers are no JSON", StubMode.GARBAGE),
    _stub("stream-cut", "its streams break off midway", StubMode.CUT),
    _stub("stream-stall", "its streams fall silent midway", StubMode.STALL),
    Fault("network-cut", "it is taken off its networks", Subject.FIRST, Action.DISCONNECT,
          replace(_SWITCH, in_flight=_NOTICE), held=True, notice=_NOTICE),
    Fault("network-drop", "packets to it vanish", Subject.FIRST, Action.DROP,
          replace(_SWITCH, in_flight=_NOTICE), held=True, notice=_NOTICE),
    Fault("dns", "its name no longer resolves", Subject.FIRST, Action.FORGET_NAME, _SWITCH, held=True),
    Fault("new-address", "it comes back under another address", Subject.FIRST, Action.NEW_ADDRESS,
          replace(_SWITCH, healthy_again=_BACK)),
    Fault("oom", "the kernel kills it for its memory", Subject.FIRST, Action.STARVE,
          replace(_SWITCH, healthy_again=_BACK), held=True),
    Fault("poison", "every server answers certain requests with 500", Subject.ALL_MODELS, Action.STAND_IN,
          Tolerance(), mode=StubMode.POISONED, held=True),
    Fault("timeout", "every server is slower than the longest wait", Subject.ALL_MODELS, Action.STAND_IN,
          replace(_UNANSWERABLE, explicit_error=5.0), mode=StubMode.TOO_SLOW, held=True, outage=True),
    Fault("both-down", "no model server runs", Subject.ALL_MODELS, Action.STOP,
          _UNANSWERABLE, held=True, outage=True),
    Fault("gateway-kill", "the process that serves is killed", Subject.GATEWAY, Action.CRASH,
          _GATEWAY_GONE, outage=True),
    Fault("gateway-lost", "all its processes are killed", Subject.GATEWAY, Action.KILL,
          _GATEWAY_GONE, outage=True),
    Fault("qdrant-restart", "it is restarted", Subject.VECTORDB, Action.RESTART, _RAG_DOWN, Traffic.RAG),
    Fault("qdrant-down", "it is gone", Subject.VECTORDB, Action.STOP, _RAG_DOWN, Traffic.RAG, held=True),
    Fault("embedding-down", "it is gone", Subject.EMBEDDING, Action.STOP, _RAG_DOWN, Traffic.RAG, held=True),
    Fault("disk-full", "its disk is full", Subject.VECTORDB, Action.FILL_DISK,
          replace(_RAG_DOWN, explicit_error=None), Traffic.RAG, held=True),
    Fault("late-dependency", "it appears long after its clients", Subject.VECTORDB, Action.STOP,
          replace(_RAG_DOWN, recovers=10.0), Traffic.RAG, held=True, also=((Action.RESTART, Subject.RAG),)),
)  # fmt: skip

CATALOGUE: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}


def find_faults(names: Iterable[str]) -> tuple[Fault, ...]:
    """Return the faults of these names, all without any; `error` means every `error-...`, too.

    In the catalogue's order, each once. Raises UsageError.
    """
    wanted: set[str] = set()
    for name in names:
        meant = {known for known in CATALOGUE if known == name or known.startswith(f"{name}-")}
        if not name or not meant:
            near = get_close_matches(name, CATALOGUE, n=1)
            known = f"did you mean {near[0]}?" if near else f"there are {', '.join(CATALOGUE)}"
            raise UsageError(f"there is no fault {name!r}; {known}", "aisuite failover-drill --list")
        wanted |= meant
    return tuple(fault for fault in _ALL if not wanted or fault.name in wanted)


def with_tolerance(fault: Fault, overrides: Mapping[str, float | None]) -> Fault:
    """Return the fault with other bounds; the names are fields of Tolerance."""
    return replace(fault, tolerance=replace(fault.tolerance, **overrides))
