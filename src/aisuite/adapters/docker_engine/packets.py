"""Packets of a container that vanish: what it sends into its networks goes down a black hole.

Done from inside its network namespace by a short-lived container of one of our own images, the only one that is given
NET_ADMIN. Its loopback, and with it its health check, is not touched.
"""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from aisuite.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT = 30  # seconds
# https://man7.org/linux/man-pages/man7/rtnetlink.7.html: a route of the main table (254), static (4), blackhole (6).
_SCRIPT = """\
import ipaddress, socket, struct, sys
DONE_ALREADY = {"add": 17, "remove": 3}[sys.argv[1]]
VERB, FLAGS = {"add": (24, 0x605), "remove": (25, 0x005)}[sys.argv[1]]
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
    for text in sys.argv[2:]:
        net = ipaddress.ip_network(text)
        route = struct.pack("=8BI", socket.AF_INET, net.prefixlen, 0, 0, 254, 4, 0, 6, 0)
        route += struct.pack("=HH4s", 8, 1, net.network_address.packed)
        link.send(struct.pack("=IHHII", 16 + len(route), VERB, FLAGS, 1, 0) + route)
        error = -struct.unpack("=i", link.recv(4096)[16:20])[0]
        if error not in {0, DONE_ALREADY}:
            raise SystemExit(f"{sys.argv[1]} {text}: error {error}")
"""


def swallow_packets(client: Any, container: Mapping[str, Any], image: str, labels: Mapping[str, str]) -> None:
    """Let what a container sends vanish; fine when it does already. Raises StepFailed."""
    _run("add", client, container, image, labels)


def let_packets_through(client: Any, container: Mapping[str, Any], image: str, labels: Mapping[str, str]) -> None:
    """Take that back; fine when there is nothing to take back. Raises StepFailed."""
    _run("remove", client, container, image, labels)


def halves(container: Mapping[str, Any]) -> list[str]:
    """Return each network of a container as two, which win over the network's own route."""
    found = container["NetworkSettings"]["Networks"].values()
    whole = (ip_interface(f"{one['IPAddress']}/{one['IPPrefixLen']}").network for one in found if one["IPAddress"])
    return [str(half) for network in whole for half in network.subnets()]


def _run(verb: str, client: Any, container: Mapping[str, Any], image: str, labels: Mapping[str, str]) -> None:
    body = {
        "Image": image,
        "Entrypoint": ["python", "-IS", "-c", _SCRIPT, verb, *halves(container)],
        "Cmd": [],
        "User": "0",
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": f"container:{container['Id']}",
            "CapDrop": ["ALL"],
            "CapAdd": ["NET_ADMIN"],
            "ReadonlyRootfs": True,
            "SecurityOpt": ["no-new-privileges:true"],
        },
    }
    identity = client.create_container_from_config(body)["Id"]
    try:
        client.start(identity)
        code = client.wait(identity, timeout=_LIMIT)["StatusCode"]
        if code:
            why = client.logs(identity).decode(errors="replace").strip()
            raise StepFailed(f"the packets of {container['Name'].removeprefix('/')} cannot be touched: {why}")
    finally:
        client.remove_container(identity, force=True)
