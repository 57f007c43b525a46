"""`aisuite backup verify --level drill`: a backup is restored into a suite of its own, compared, and removed again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from aisuite.bundle.identity import utc_text
from aisuite.bundle.known_queries import ENOUGH, choose_queries, share_found
from aisuite.bundle.model import Level, Verified
from aisuite.bundle.scratch import keepers, scratch_stack
from aisuite.errors import PortTaken, RestoreFailed
from aisuite.ops.backup import read_state
from aisuite.ops.down import down
from aisuite.ops.generations import begin_generation, enter_generation
from aisuite.ops.restore import RestoreRequest, restore_bundle
from aisuite.ops.restore_forward import compare_collection
from aisuite.ops.restore_work import Work, recorded_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aisuite.bundle.model import KeptState, Manifest
    from aisuite.ops.restore_work import RestoreDoors
    from aisuite.ports import Host, KeptData, Workdir
    from aisuite.ports.archive import Shelf, VectorStore
    from aisuite.stack.model import Stack

_SUFFIX = "-drill"
_FIRST_PORT = 21000  # below what Linux gives to clients by itself
_LAST_PORT = 31999


@dataclass(frozen=True, slots=True)
class DrillDoors:
    """What a drill needs of the outside; `open_scratch` opens another project's folder, `kept` what Docker keeps."""

    workdir: Workdir  # of the project itself
    gate: Workdir  # held during a drill: the scratch suite's own lock goes with its folder
    host: Host
    open_scratch: Callable[[Path], RestoreDoors]
    kept: Callable[[Path], KeptData]


@dataclass(frozen=True, slots=True)
class Looked:
    """How much was compared and asked, where every row was compared."""

    points: int  # whose vector and payload were compared
    queries: int  # that found what an exact search finds


@dataclass(frozen=True, slots=True)
class DrillReport:
    """A backup that was restored and answered as it must."""

    manifest: Manifest
    verified: Verified
    rows: int
    points: int
    looked: Looked
    rto: float  # seconds from an empty folder to healthy services with everything in them
    rpo: float  # seconds between the backup and this drill: what would be lost if it were needed now
    seconds: float
    exit_code: int = 0


def drill_backup(bundle: str, shelf: Shelf, doors: DrillDoors) -> DrillReport:
    """Restore a backup into a scratch suite on other ports, compare, ask known queries, and remove it.

    The project itself is neither stopped nor locked; of its drills there is one at a time. Raises what a restore raises
    (RestoreFailed when something does not come back as the manifest says), and ProjectLocked.
    """
    real = recorded_stack(doors.workdir)
    manifest = shelf.manifest(bundle)
    with doors.gate.lock("backup verify --level drill"):
        stack = scratch_stack(real, f"{real.project}{_SUFFIX}", _free_ports(real, doors.host))
        scratch = doors.open_scratch(stack.folder)
        clock = scratch.deps.clock
        began = clock.monotonic()
        _remove(stack, scratch, doors)  # of a drill that was killed
        try:
            rto, looked = _drill(manifest, shelf, stack, scratch)
        finally:
            _remove(stack, scratch, doors)
        seconds = clock.monotonic() - began
    now = clock.now()
    verified = Verified(Level.DRILL, utc_text(now), round(rto, 3))
    shelf.set_verified(bundle, verified)
    return DrillReport(
        manifest=manifest,
        verified=verified,
        rows=sum(sum(one.rows.values()) for one in manifest.databases),
        points=sum(one.points for one in manifest.collections),
        looked=looked,
        rto=rto,
        rpo=now - datetime.fromisoformat(manifest.created).timestamp(),
        seconds=seconds,
    )


def _drill(manifest: Manifest, shelf: Shelf, stack: Stack, scratch: RestoreDoors) -> tuple[float, Looked]:
    """Return the seconds until everything answered, and what was compared then."""
    clock = scratch.deps.clock
    _lay_out(stack, scratch)
    started = clock.monotonic()
    restored = restore_bundle(RestoreRequest(manifest.id, another=True, reconcile=False), shelf, scratch)
    work = Work(restored.restore, scratch, shelf, manifest, stack)
    for name in keepers(stack):
        work.ensure_up(name, alone=True)
    rto = clock.monotonic() - started
    looked = _compare(work)
    for name, url in ((one.service, one.reconcile) for one in _states(scratch) if one.reconcile):
        work.ensure_up(name, alone=True)
        work.reconcile(url)
    return rto, looked


def _lay_out(stack: Stack, scratch: RestoreDoors) -> None:
    """Render the scratch suite as an `up` does, and start nothing."""
    deps = scratch.deps
    files = deps.renderer.render(stack)
    deps.workdir.write(files)
    for secret in stack.secrets:
        deps.workdir.ensure_secret(secret)
    for service in stack.services:
        if service.data is not None:
            scratch.places.make_folder(Path(service.data))
    number = begin_generation(stack, files, deps, fetched=False, bundle=None)
    if number is not None:
        enter_generation(number, deps.workdir, good=False)


def _compare(work: Work) -> Looked:
    """Compare what the services hold with the manifest, by the names that clients use, and ask known queries.

    Every row was compared before it was put in place.
    """
    sampled = queries = 0
    for one in work.restore.stores:
        store = work.store(one.url)
        there = {facts.name: facts for facts in store.collections()}
        for collection in one.new:
            name = collection.fresh(work.restore.id) if collection.aliases else collection.name
            compare_collection(work, collection, there.get(name))
            wanted = next(facts.samples for facts in work.manifest.collections if facts.file == collection.file)
            for alias in collection.aliases or (collection.name,):
                if store.digests(alias, tuple(wanted)) != wanted:
                    raise RestoreFailed(f"collection {alias} answers with other points than it had")
                queries += _ask(store, alias, choose_queries(tuple(wanted)))
            sampled += len(wanted)
    return Looked(sampled, queries)


def _ask(store: VectorStore, alias: str, points: Sequence[str]) -> int:
    """Search as clients do for what is nearest to points that were compared; return how many could be asked for."""
    exact = store.search(alias, points, exact=True)
    share = share_found(store.search(alias, points, exact=False), exact)
    if share < ENOUGH:
        raise RestoreFailed(f"collection {alias} finds {share:.0%} of what is nearest to points of its own")
    return len(exact)


def _states(scratch: RestoreDoors) -> tuple[KeptState, ...]:
    return read_state(scratch.deps.workdir).services


def _remove(stack: Stack, scratch: RestoreDoors, doors: DrillDoors) -> None:
    if scratch.places.there(stack.folder):
        down(scratch.deps, doors.kept(stack.folder))
        scratch.places.remove(stack.folder)


def _free_ports(stack: Stack, host: Host) -> dict[int, int]:
    """Return a free port for each service that keeps something. Raises PortTaken."""
    found: dict[int, int] = {}
    first = _FIRST_PORT + crc32(str(stack.folder).encode()) % (_LAST_PORT - _FIRST_PORT)  # two drills: two places
    candidates = iter((*range(first, _LAST_PORT), *range(_FIRST_PORT, first)))
    for service in stack.services:
        if service.name in keepers(stack):
            free = next((port for port in candidates if host.port_holder("127.0.0.1", port) is None), None)
            if free is None:
                raise PortTaken(f"no port between {_FIRST_PORT} and {_LAST_PORT} is free", "ss -ltn")
            found[int(service.published.port)] = free
    return found
