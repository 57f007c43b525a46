"""The container engine and its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.preflight.disks import judge_room
from aisuite.preflight.model import Check, Judgement, Outcome, counted, note, well
from aisuite.preflight.snapshot import Section
from aisuite.preflight.versions import parse_version

if TYPE_CHECKING:
    from aisuite.preflight.snapshot import Image, Snapshot

_OLDEST = (20, 10)
_OLDEST_COMPOSE = (2, 0)
_RUNS_AS_ROOT = "AIS-1 "
_MOST_AHEAD = 2.0  # seconds


def _answers(snapshot: Snapshot) -> Judgement | None:
    if not snapshot.in_containers:
        return None
    docker = snapshot.docker
    return Judgement(docker.fault, fix=docker.fix) if docker.fault else well(f"Docker Engine {docker.version} answers")


def _is_new_enough(snapshot: Snapshot) -> Judgement | None:
    docker = snapshot.docker
    if not snapshot.in_containers or docker.fault:
        return None
    version = parse_version(docker.version)
    if version is None:
        return Judgement(f"its version is {docker.version!r}", Outcome.WARN, "docker version")
    return Judgement(docker.version, None if version < _OLDEST else Outcome.PASS, _upgrade(version))


def _upgrade(version: tuple[int, ...]) -> str | None:
    return "docker version   # then a newer engine" if version < _OLDEST else None


def _compose(snapshot: Snapshot) -> Judgement | None:
    docker = snapshot.docker
    if not snapshot.in_containers or docker.fault:
        return None
    version = parse_version(docker.compose or "")
    if version is None:
        return note("Compose is not here; aisuite does not need it")
    if version < _OLDEST_COMPOSE:
        return note(f"Compose {docker.compose} is too old to read the rendered file; aisuite does not need it")
    return well(f"Compose {docker.compose}")


def _limits_hold(snapshot: Snapshot) -> Judgement | None:
    docker = snapshot.docker
    if not snapshot.in_containers or docker.fault:
        return None
    if docker.lacks:
        return Judgement(
            f"the kernel of the engine knows no limit of {' and '.join(docker.lacks)}",
            fix="docker info   # its last lines say which; then cgroup_enable=memory at the kernel's start",
        )
    too_big = tuple(
        f"{one.name} may use {one.cpus:g} cores, the engine has {docker.cpus}"
        for one in snapshot.stack.services
        if one.cpus is not None and docker.cpus and one.cpus > docker.cpus
    )
    if too_big:
        return Judgement("limits that the engine refuses", Outcome.FAIL, "aisuite config show services", too_big)
    return well("limits of memory, cores and processes work")


def _root_has_room(snapshot: Snapshot) -> Judgement | None:
    docker = snapshot.docker
    if not snapshot.in_containers or docker.fault:
        return None
    if docker.root_free is None:
        return note("the engine's disk is not this machine's", "docker system df")
    return judge_room(docker.root_free, docker.root, tiny=snapshot.stack.demo)


def _clocks_agree(snapshot: Snapshot) -> Judgement | None:
    ahead = snapshot.docker.ahead
    if not snapshot.in_containers or ahead is None:
        return None
    if abs(ahead) <= _MOST_AHEAD:
        return well("the engine's clock agrees with this machine's")
    return Judgement(
        f"the engine's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}",
        fix="wsl --shutdown   # or restart the engine's virtual machine",
    )


def _images_are_here(snapshot: Snapshot) -> Judgement | None:
    if not snapshot.images:
        return None
    absent = [one for one in snapshot.images if not one.present]
    if not absent:
        return well(counted(len(snapshot.images), "image"))
    refused = any(one.afar for one in absent)
    details = tuple(f"{one.reference}: {_absence(one)}" for one in absent)
    return Judgement(
        f"{len(absent)} of {len(snapshot.images)} images are not here",
        Outcome.FAIL if refused else None,
        snapshot.command("images pull"),
        details,
    )


def _absence(image: Image) -> str:
    if image.built:
        return "made here, of this installation"
    if image.afar is None:
        return "missing"
    return image.afar or "missing; its registry has it"


def _images_are_locked(snapshot: Snapshot) -> Judgement | None:
    if not any(one.locked for one in snapshot.images):
        return note("no lock of images", snapshot.command("images lock")) if snapshot.images else None
    other = tuple(one.reference for one in snapshot.images if one.differs)
    if other:
        return Judgement("images are not the ones that were locked", None, snapshot.command("images pull"), other)
    return well(f"{counted(sum(one.locked for one in snapshot.images), 'image')} as locked")


def _containers_are_confined(snapshot: Snapshot) -> Judgement | None:
    if not snapshot.in_containers:
        return None
    live = snapshot.live
    if live.fault:
        return None
    if not live.findings:
        return well("what runs keeps the rules that every rendered file keeps")
    down = snapshot.on_project("down")
    as_root = all(one.startswith(_RUNS_AS_ROOT) for one in live.findings)
    return Judgement(
        f"the rules are broken in {counted(len(live.findings), 'way')}",
        None,
        f"{down}   # then up again as an ordinary user, not as root" if as_root else f"{down} && {snapshot.up}",
        live.findings,
    )


_READS = frozenset({Section.DOCKER})
CHECKS = (
    Check(
        "DOCKER-001",
        "Docker answers",
        Outcome.FAIL,
        "the engine that the docker command would ask, without sudo",
        "Everything that runs in containers begins with this.",
        _READS,
        _answers,
    ),
    Check(
        "DOCKER-002",
        "Docker is new enough",
        Outcome.FAIL,
        "Docker Engine 20.10 or later",
        "Older ones speak an API without what our containers are described with.",
        _READS,
        _is_new_enough,
    ),
    Check(
        "DOCKER-003",
        "Compose",
        Outcome.NOTE,
        "Compose 2.0 or later, for who wants to use it",
        "aisuite speaks to the engine itself. The rendered compose.yaml is for people who like Compose.",
        _READS,
        _compose,
    ),
    Check(
        "DOCKER-004",
        "Limits of containers work",
        Outcome.WARN,
        "limits of memory, cores and processes, none above what the engine has",
        "Without cgroup support the engine ignores limits, and one service can take the whole machine. A limit of more "
        "cores than there are is refused by the engine: that fails.",
        _READS,
        _limits_hold,
    ),
    Check(
        "DOCKER-005",
        "Room for images and volumes",
        Outcome.FAIL,
        "20 GiB free where the engine keeps everything",
        "Images take several gigabytes, and volumes lie on the same disk.",
        _READS,
        _root_has_room,
    ),
    Check(
        "DOCKER-006",
        "The engine's clock",
        Outcome.WARN,
        "at most 2 s from this machine's",
        "The virtual machines of Docker Desktop and WSL fall behind while a laptop sleeps: tokens and certificates "
        "seem to be of the future then, and logs cannot be compared.",
        _READS,
        _clocks_agree,
    ),
    Check(
        "DOCKER-007",
        "Running containers are confined",
        Outcome.WARN,
        "the rules that every rendered file is held to, by the containers as they are",
        "What `docker update` or another tool has changed since is found here, such as ports that were published "
        "beyond loopback. A suite that root has brought up runs as root in its containers: that is found, too.",
        frozenset({Section.LIVE}),
        _containers_are_confined,
    ),
    Check(
        "IMAGE-001",
        "Images are here",
        Outcome.WARN,
        "every image that the stack needs; with --online, those that are missing in their registry",
        "`up` fetches what is missing, which takes minutes. It fails when a registry was asked and has not got it.",
        frozenset({Section.IMAGES}),
        _images_are_here,
    ),
    Check(
        "IMAGE-002",
        "Images are the locked ones",
        Outcome.FAIL,
        "the digests of aisuite-images.lock",
        "A tag can be moved to other bytes; a digest cannot.",
        frozenset({Section.IMAGES}),
        _images_are_locked,
    ),
)
