"""From the engine's description of containers back to the words of a Compose file. Pure.

Nothing is validated: what must not be is what is looked for. How a container is started and asked has no part here.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aisuite.plan.live import Unsayable
from aisuite.stack.compose import (
    ComposeFile,
    ComposeService,
    Deploy,
    Device,
    Healthcheck,
    Limits,
    Logging,
    Network,
    Part,
    Reservations,
    Resources,
    Secret,
    Volume,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    Inspected = Mapping[str, Any]

_Part = TypeVar("_Part", bound=Part)

_SECRETS = "/run/secrets/"
_MIB = 2**20
_NANO = 10**9


def describe(
    containers: Mapping[str, tuple[Inspected, Inspected]], networks: Iterable[Inspected], project: str, folder: Path
) -> ComposeFile:
    """Return {service: (container, its image)} and the project's networks as a Compose file would say them."""
    prefix = f"{project}_"
    own = {
        one["Name"].removeprefix(prefix): _as_is(
            Network, internal=one["Internal"], driver_opts=dict(one["Options"] or {})
        )
        for one in networks
    }
    secrets = {
        PurePath(mount["Destination"]).name: _as_is(Secret, file=_below(mount["Source"], folder))
        for container, _ in containers.values()
        for mount in container["Mounts"]
        if _is_secret(mount)
    }
    services = {name: _service(*both, prefix, folder) for name, both in containers.items()}
    return _as_is(ComposeFile, name=project, services=services, networks=own, secrets=secrets)


def _service(container: Inspected, image: Inspected, prefix: str, folder: Path) -> ComposeService:
    config, host, mounts = container["Config"], container["HostConfig"], container["Mounts"]
    return _as_is(
        ComposeService,
        image=config["Image"],
        user=_user(config, image),
        environment=_environment(config, image),
        secrets=tuple(PurePath(one["Destination"]).name for one in mounts if _is_secret(one)),
        ports=tuple(_ports(host)),
        networks=tuple(name.removeprefix(prefix) for name in container["NetworkSettings"]["Networks"]),
        healthcheck=_as_is(Healthcheck, test=tuple((config.get("Healthcheck") or {}).get("Test") or ())),
        deploy=_deploy(host),
        volumes=tuple(_volume(one, folder) for one in mounts if not _is_secret(one)),
        init=bool(host.get("Init")),
        read_only=host["ReadonlyRootfs"],
        tmpfs=tuple(host.get("Tmpfs") or ()),
        cap_drop=tuple(host["CapDrop"] or ()),
        cap_add=tuple(one.removeprefix("CAP_") for one in host["CapAdd"] or ()),
        security_opt=tuple(_spelt(one) for one in host["SecurityOpt"] or ()),
        pids_limit=host["PidsLimit"] or 0,
        restart=host["RestartPolicy"]["Name"],
        logging=_as_is(Logging, driver=host["LogConfig"]["Type"], options=dict(host["LogConfig"]["Config"] or {})),
    )


def _as_is(kind: type[_Part], **fields: Any) -> _Part:
    """Return a part of a file with whatever is in it: the strict model has no room for what it forbids."""
    return cast("_Part", kind.model_construct(**fields))


def find_unsayable(container: Inspected) -> tuple[Unsayable, ...]:
    """Return the liberties of a container that our Compose files have no words for."""
    return tuple(Unsayable(check, evidence) for check, evidence in _liberties(container))


def _liberties(container: Inspected) -> Iterator[tuple[str, str]]:
    host = container["HostConfig"]
    if host["Privileged"]:
        yield "CIS-5.5", "privileged: true"
    spaces = (
        ("CIS-5.10", "network_mode", host["NetworkMode"]),
        ("CIS-5.16", "pid", host["PidMode"]),
        ("CIS-5.17", "ipc", host["IpcMode"]),
        ("CIS-5.21", "uts", host["UTSMode"]),
        ("CIS-5.31", "userns_mode", host["UsernsMode"]),
    )
    for check, key, mode in spaces:
        # Another container's is no better than the host's.
        if mode == "host" or str(mode).startswith("container:"):
            yield check, f"{key}: {mode}"
    for device in host["Devices"] or ():
        yield "CIS-5.18", f"devices: {device['PathOnHost']}"
    for mount in container["Mounts"]:
        if "shared" in mount.get("Propagation", ""):
            yield "CIS-5.20", f"volumes: {mount['Source']} ({mount['Propagation']})"
    if host["CgroupParent"]:
        yield "CIS-5.25", f"cgroup_parent: {host['CgroupParent']}"


def _is_secret(mount: Inspected) -> bool:
    return mount["Type"] == "bind" and str(mount["Destination"]).startswith(_SECRETS)


def _below(source: str, folder: Path) -> str:
    """Return a path as our files say it: those of the project relative to its folder."""
    path = PurePath(source)
    return f"./{path.relative_to(folder)}" if path.is_relative_to(folder) else source


def _user(config: Inspected, image: Inspected) -> str | None:
    """Return the user that was chosen; None for the image's own, as in a file that names none."""
    chosen: str = config["User"]
    return None if chosen in {"", (image.get("Config") or {}).get("User")} else chosen


def _environment(config: Inspected, image: Inspected) -> dict[str, str]:
    """Return the variables less those that the image brings: they are in everybody's hands."""
    brought = set((image.get("Config") or {}).get("Env") or ())
    variables = (one.partition("=") for one in config["Env"] or () if one not in brought)
    return {name: value for name, _, value in variables}


def _ports(host: Inspected) -> Iterator[str]:
    for inside, bindings in (host["PortBindings"] or {}).items():
        for binding in bindings or ():
            address = binding["HostIp"]
            shown = f"[{address}]" if ":" in address else address
            yield f"{shown}:{binding['HostPort']}:{inside.partition('/')[0]}"


def _deploy(host: Inspected) -> Deploy:
    cpus = str(Decimal(host["NanoCpus"]) / _NANO) if host["NanoCpus"] else None
    memory = f"{host['Memory'] // _MIB}m" if host["Memory"] else None
    devices = tuple(
        _as_is(
            Device,
            driver=one["Driver"],
            # A number of cards is whichever the engine takes: as good as all.
            device_ids=tuple(one["DeviceIDs"] or ()),
            capabilities=tuple(name for names in one["Capabilities"] or () for name in names),
        )
        for one in host["DeviceRequests"] or ()
    )
    reservations = _as_is(Reservations, devices=devices)
    limits = _as_is(Limits, cpus=cpus, memory=memory)
    return _as_is(Deploy, resources=_as_is(Resources, limits=limits, reservations=reservations))


def _volume(mount: Inspected, folder: Path) -> Volume:
    bind = mount["Type"] == "bind"
    return _as_is(
        Volume,
        type=mount["Type"],
        source=_below(mount["Source"], folder) if bind else mount.get("Name", ""),
        target=mount["Destination"],
        read_only=not mount["RW"],
    )


def _spelt(option: str) -> str:
    return "no-new-privileges:true" if option == "no-new-privileges" else option
