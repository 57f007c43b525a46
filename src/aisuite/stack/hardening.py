"""What makes our containers harmless, checked on the file that is rendered.

Ours, after section 5 of the CIS Docker Benchmark 1.6: an id `CIS-5.x` is the number of its counterpart there, and
`AIS-x` is one of our own. What the strict model cannot even say (privileged mode, the host's namespaces, propagation
of mounts) needs no check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from aisuite.profile.text import check_image
from aisuite.stack.places import DATA_IN_CONTAINER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aisuite.stack.compose import ComposeFile, ComposeService, Volume

    Look = Callable[[ComposeService, ComposeFile], Iterator[str]]

_SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var/run")
_LOWEST_PORT = 1024
_MOST_PROCESSES = 4096
_SECRET = re.compile(r"(?:^|_)(?:KEY|PASSWD|PASSWORD|SECRET|TOKEN)$")
_MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: `look` yields a line of evidence for each way in which a service breaks it."""

    id: str
    title: str
    reason: str
    look: Look


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a service breaks, with the piece of the file that shows it."""

    check: Check
    service: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.check.id} {self.service}: {self.evidence} ({self.check.title})"


def check_hardening(compose: ComposeFile) -> tuple[Finding, ...]:
    """Return every finding that no exception excuses, by service and check in the order of the file and the table."""
    return tuple(
        Finding(check, name, evidence)
        for name, service in compose.services.items()
        for check in CHECKS
        for evidence in check.look(service, compose)
        if (check.id, name, evidence) not in EXCEPTIONS
    )


def _confinement(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    for option in service.security_opt:
        if option.startswith(("apparmor", "label")):
            yield f"security_opt: {option}"


def _seccomp(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    for option in service.security_opt:
        if option.startswith(("seccomp", "systempaths")):
            yield f"security_opt: {option}"


def _new_privileges(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    if "no-new-privileges:true" not in service.security_opt:
        yield "security_opt: no-new-privileges:true is missing"


def _capabilities(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    if tuple(service.cap_drop) != ("ALL",):
        yield "cap_drop: ALL is missing"
    for capability in service.cap_add:
        yield f"cap_add: {capability}"


def _host_folders(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    for source in _bound(service):
        path = PurePosixPath(source)
        if source == "/" or any(path.is_relative_to(folder) for folder in _SYSTEM) or ".." in path.parts:
            yield f"volumes: {source}"


def _engine_socket(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    for source in _bound(service):
        if source.endswith(".sock") or PurePosixPath(source).name in {"containerd", "docker", "podman"}:
            yield f"volumes: {source}"


def _low_ports(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    for port in service.ports:
        published, target = _parts(port)[1:]
        if any(not number.isdigit() or int(number) < _LOWEST_PORT for number in (published, target)):
            yield f"ports: {port}"


def _needed_ports(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    for port in service.ports[1:]:
        yield f"ports: {port}"


def _bound_ports(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    for port in service.ports:
        try:
            if ip_address(_parts(port)[0]).is_unspecified:
                yield f"ports: {port}"
        except ValueError:
            yield f"ports: {port}"


def _memory(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    limits = service.deploy.resources.limits if service.deploy else None
    if limits is None or limits.memory is None or int(limits.memory.removesuffix("m")) == 0:
        yield "deploy.resources.limits: no memory"


def _cpus(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    limits = service.deploy.resources.limits if service.deploy else None
    if limits is None or limits.cpus is None or Decimal(limits.cpus) == 0:
        yield "deploy.resources.limits: no cpus"


def _root_file_system(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    if not service.read_only:
        yield "read_only: false"


def _devices(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    reservations = service.deploy.resources.reservations if service.deploy else None
    for device in reservations.devices if reservations else ():
        every = any(one.rpartition("=")[2] == "all" for one in device.device_ids)
        if every or not device.device_ids or set(device.capabilities) != {"gpu"}:
            yield f"devices: {', '.join(device.device_ids)} ({', '.join(device.capabilities)})"


def _health(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    if not service.healthcheck.test[1:] or service.healthcheck.test[0] == "NONE":
        yield f"healthcheck: {list(service.healthcheck.test)}"


def _fixed_version(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    try:
        check_image(service.image)
    except ValueError:
        yield f"image: {service.image}"


def _processes(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    if not 0 < service.pids_limit <= _MOST_PROCESSES:
        yield f"pids_limit: {service.pids_limit}"


def _own_networks(service: ComposeService, compose: ComposeFile) -> Iterator[str]:
    if not service.networks:
        yield "networks: none, so the engine's default bridge"
    for network in service.networks:
        if network not in compose.networks:
            yield f"networks: {network} is not the project's"


def _no_way_out(service: ComposeService, compose: ComposeFile) -> Iterator[str]:
    for name in service.networks:
        network = compose.networks.get(name)
        if network is not None and not network.internal and network.driver_opts.get(_MASQUERADE) != "false":
            yield f"networks: {name} leads to the internet"


def _user(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    if service.user is None:
        yield "user: the image's own"
    elif service.user.split(":")[0] in {"", "0", "root"}:
        yield f"user: {service.user}"


def _secrets(service: ComposeService, compose: ComposeFile) -> Iterator[str]:
    for name in service.environment:
        if _SECRET.search(name):
            yield f"environment: {name}"
    for secret in service.secrets:
        place = PurePosixPath(compose.secrets[secret].file) if secret in compose.secrets else None
        if place is None or place.is_absolute() or ".." in place.parts:
            yield f"secrets: {secret} is no file of the project"


def _read_only_binds(service: ComposeService, compose: ComposeFile) -> Iterator[str]:
    for volume in service.volumes:
        if volume.type == "bind" and not volume.read_only and not _is_own_data(volume, service, compose):
            yield f"volumes: {volume.source} is writable"


def _is_own_data(volume: Volume, service: ComposeService, compose: ComposeFile) -> bool:
    """Tell whether it is the folder named after the service, which no other service sees."""
    (name,) = (name for name, one in compose.services.items() if one is service)
    others = (source for other in compose.services.values() if other is not service for source in _bound(other))
    own = PurePosixPath(volume.source)
    shared = any(own.is_relative_to(source) or PurePosixPath(source).is_relative_to(own) for source in others)
    return volume.target == DATA_IN_CONTAINER and own.name == name and not shared


def _bounded_logs(service: ComposeService, _: ComposeFile) -> Iterator[str]:
    for option in ("max-size", "max-file"):
        if option not in service.logging.options:
            yield f"logging: {option} is missing"


def _bound(service: ComposeService) -> Iterator[str]:
    return (volume.source for volume in service.volumes if volume.type == "bind")


def _parts(port: str) -> tuple[str, str, str]:
    """Return host, published port and port of the container; what is not said is empty."""
    head, _, target = port.rpartition(":")
    host, _, published = head.rpartition(":")
    return host.strip("[]"), published, target


CHECKS: tuple[Check, ...] = (
    Check("CIS-5.2", "AppArmor and SELinux stay on", "They confine what has broken out of its process.", _confinement),
    Check("CIS-5.4", "No capability of root", "A process that needs none must not have any to lose.", _capabilities),
    Check("CIS-5.6", "No system folder of the host", "Who reads or writes these owns the host.", _host_folders),
    Check("CIS-5.8", "No port below 1024", "Such a port passes for a service of the system.", _low_ports),
    Check("CIS-5.9", "One open port for each service", "What is not published cannot be attacked.", _needed_ports),
    Check("CIS-5.11", "A limit of memory", "One leak must not take the memory of all.", _memory),
    Check("CIS-5.12", "A limit of CPU", "One busy loop must not take the time of all.", _cpus),
    Check("CIS-5.13", "Read-only root file system", "An intruder can leave nothing behind.", _root_file_system),
    Check("CIS-5.14", "Ports on one address", "Without one, Docker opens a port to every network.", _bound_ports),
    Check("CIS-5.18", "Only named cards as devices", "A device is a way around every other limit.", _devices),
    Check("CIS-5.22", "Docker's seccomp profile stays on", "It refuses the calls that break-outs use.", _seccomp),
    Check("CIS-5.26", "No new privileges", "A setuid program in the image gives nobody root.", _new_privileges),
    Check("CIS-5.27", "A health check", "A process that hangs is found, not only one that died.", _health),
    Check("CIS-5.28", "An image of a fixed version", "A floating tag is a different program tomorrow.", _fixed_version),
    Check("CIS-5.29", "A limit of processes", "A fork bomb takes down one container, not the host.", _processes),
    Check("CIS-5.30", "Networks of the project only", "On the default bridge all projects meet.", _own_networks),
    Check("CIS-5.32", "No socket of the engine", "Who talks to the engine is root on the host.", _engine_socket),
    Check("AIS-1", "No container runs as root", "Root inside is root outside once it gets out.", _user),
    Check("AIS-2", "Secrets are files of the project", "`docker inspect` shows every variable.", _secrets),
    Check("AIS-3", "Of the host, a service writes its own data only", "What gets out finds no file.", _read_only_binds),
    Check("AIS-4", "Logs have an end", "Without rotation they fill the disk.", _bounded_logs),
    Check("AIS-5", "No way to the internet", "An intruder can send nothing out.", _no_way_out),
)

# (check, service, evidence): why it is so. An exception excuses that piece of evidence and nothing else.
EXCEPTIONS: Mapping[tuple[str, str, str], str] = {
    ("AIS-1", "qdrant", "user: the image's own"): "Qdrant's image is made for root, the owner of its volumes.",
    ("CIS-5.4", "qdrant", "cap_add: DAC_OVERRIDE"): "Its root reads the key, a file that only the project's owner may.",
}
