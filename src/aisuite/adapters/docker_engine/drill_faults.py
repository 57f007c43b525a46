"""What can be broken of containers through the engine's own API, and why the rest cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_client import api_version, connect
from aisuite.adapters.docker_engine import signals
from aisuite.adapters.docker_engine.container_config import Place, aliases_of
from aisuite.adapters.docker_engine.faults import translated
from aisuite.adapters.docker_engine.labels import COMPOSE_FILE, ONE_OFF, SERVICE
from aisuite.adapters.docker_engine.packets import let_packets_through, swallow_packets
from aisuite.adapters.docker_engine.reading import project_filter
from aisuite.adapters.engine_faults import PATIENCE, EngineFaults
from aisuite.drill.model import Action
from aisuite.drill.stand_in import find_ours
from aisuite.errors import NotRunning, StepFailed
from aisuite.stack.compose import parse_compose
from aisuite.units import Mib

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.drill.model import Undo
    from aisuite.ports import Engine, Renderer, Workdir
    from aisuite.stack.model import Stack

_WHY_NOT: Mapping[Action, str] = {
    Action.FILL_DISK: "its volume lies on Docker's own disk; filling that would hit everybody",
}
_OWN = frozenset({
    Action.HANG, Action.PAUSE, Action.DISCONNECT, Action.FORGET_NAME, Action.NEW_ADDRESS, Action.STARVE, Action.DROP,
})  # fmt: skip
# The least that Docker takes, and less than any server needs: with 8 MiB the smallest one lives on, and crawls.
_STARVING = Mib(6)
_HOLDS_ADDRESS = "-drill"  # ends the name of the container that keeps an address occupied


class DockerFaults(EngineFaults):
    """Breaks containers, and mends them."""

    def __init__(
        self,
        engine: Engine,
        stack: Stack,
        renderer: Renderer,
        workdir: Workdir,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(engine, stack, renderer, workdir, patience)
        self._client: Any = None

    def why_not(self, action: Action) -> str | None:
        """Say in words why this cannot be done to containers; None when it can."""
        if action is Action.DROP and self._our_image() is None:
            return f"phase {self._stack.phase} of this stack has no image of ours, from which that could be done"
        return None if action in _OWN else _WHY_NOT.get(action) or super().why_not(action)

    def _break(self, undo: Undo) -> None:
        with translated(undo.service):
            if undo.action is Action.HANG:
                signals.send_inside(self._api(), self._running(undo.service)["Id"], "STOP")
            elif undo.action is Action.CRASH:
                signals.kill_worker(self._api(), self._running(undo.service)["Id"])
            elif undo.action is Action.PAUSE:
                self._pause(self._running(undo.service))
            elif undo.action is Action.DISCONNECT:
                self._disconnect(self._running(undo.service))
            elif undo.action is Action.FORGET_NAME:
                self._disconnect(container := self._running(undo.service))
                self._join(container["Id"], undo.service, aliases=())
            elif undo.action is Action.DROP:
                self._touch_packets(swallow_packets, self._running(undo.service))
            elif undo.action is Action.NEW_ADDRESS:
                self._move(undo.service)
            elif undo.action is Action.STARVE:
                self._put(replace(self._stack.service(undo.service), memory=_STARVING))
            else:
                super()._break(undo)

    def _mend(self, undo: Undo) -> None:
        with translated(undo.service):
            container = self._find(undo.service)
            if container is not None and container["State"]["Running"]:
                if undo.action is Action.PAUSE and container["State"]["Paused"]:
                    self._api().unpause(container["Id"])
                elif undo.action is Action.HANG:
                    self._wake(container, undo.service)
                elif undo.action is Action.DROP:
                    self._touch_packets(let_packets_through, container)
                elif undo.action in {Action.DISCONNECT, Action.FORGET_NAME}:
                    self._rejoin(container, undo.service)
            if undo.action is Action.NEW_ADDRESS:
                self._remove(self._place().container(undo.service) + _HOLDS_ADDRESS)
        super()._mend(undo)

    def _pause(self, container: Mapping[str, Any]) -> None:
        if not container["State"]["Paused"]:
            self._api().pause(container["Id"])

    def _wake(self, container: Mapping[str, Any], name: str) -> None:
        try:
            with translated(name):
                signals.send_inside(self._api(), container["Id"], "CONT")
        except StepFailed:  # its health check was faster, or it has no shell
            self._start_as_rendered(name)

    def _touch_packets(self, touch: Callable[..., None], container: Mapping[str, Any]) -> None:
        touch(self._api(), container, self._our_image(), self._labels())

    def _our_image(self) -> str | None:
        ours = find_ours(self._stack)
        return ours.image if ours is not None else None

    def _labels(self) -> dict[str, str]:
        """Return what marks a container as the project's, and as none of its services."""
        place = self._place()
        return dict(one.split("=", 1) for one in project_filter(place.project, place.folder)) | {ONE_OFF: "True"}

    def _disconnect(self, container: Mapping[str, Any]) -> None:
        for network in container["NetworkSettings"]["Networks"]:
            self._api().disconnect_container_from_network(container["Id"], network)

    def _rejoin(self, container: Mapping[str, Any], name: str) -> None:
        """Bring a container back into its networks, under all its names."""
        found, names = container["NetworkSettings"]["Networks"], aliases_of(name, self._place())
        if all(set(names) <= set((found.get(network) or {}).get("Aliases") or ()) for network in self._networks(name)):
            return
        self._disconnect(container)
        self._join(container["Id"], name, names)

    def _join(self, identity: str, name: str, aliases: list[str] | tuple[()]) -> None:
        for network in self._networks(name):
            self._api().connect_container_to_network(identity, network, aliases=list(aliases))

    def _networks(self, name: str) -> list[str]:
        compose = parse_compose(self._files[COMPOSE_FILE])
        return [self._place().owned(network) for network in compose.services[name].networks]

    def _move(self, name: str) -> None:
        """Make a service's container anew while another one holds the address that it had."""
        image = self._running(name)["Image"]
        holder = self._place().container(name) + _HOLDS_ADDRESS
        self._remove(holder)
        self._engine.stop(name)
        try:
            self._hold_address(holder, image, self._networks(name))
            self._start_as_rendered(name)
        finally:
            self._remove(holder)

    def _hold_address(self, holder: str, image: str, networks: list[str]) -> None:
        client = self._api()
        body = {
            "Image": image,
            "Entrypoint": ["/bin/sh", "-c", "sleep 60"],
            "Cmd": [],
            "Labels": self._labels(),
            "Healthcheck": {"Test": ["NONE"]},
            "HostConfig": {"NetworkMode": networks[0], "Init": True, "CapDrop": ["ALL"], "ReadonlyRootfs": True},
        }
        identity = client.create_container_from_config(body, holder)["Id"]
        for network in networks[1:]:
            client.connect_container_to_network(identity, network)
        client.start(identity)

    def _remove(self, container: str) -> None:
        from docker.errors import NotFound

        try:
            self._api().remove_container(container, force=True)
        except NotFound:
            return

    def _running(self, name: str) -> Mapping[str, Any]:
        container = self._find(name)
        if container is None or not container["State"]["Running"]:
            raise NotRunning(f"{name} is not running", "aisuite status")
        return container

    def _find(self, name: str) -> Mapping[str, Any] | None:
        place = self._place()
        wanted = [*project_filter(place.project, place.folder), f"{SERVICE}={name}", f"{ONE_OFF}=False"]
        found = self._api().containers(all=True, filters={"label": wanted})
        if not found:
            return None
        container: Mapping[str, Any] = self._api().inspect_container(found[0]["Id"])
        return container

    def _place(self) -> Place:
        return Place(self._stack.project, self._stack.folder.absolute(), api_version(self._api()))

    def _api(self) -> Any:
        if self._client is None:
            self._client = connect()
        return self._client
