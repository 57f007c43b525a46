"""Writers that wait for a moment, by the services' own maintenance lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aisuite.errors import AisuiteError, BackupFailed
from aisuite.plan.observed import ALIVE
from aisuite.stack.places import SERVICE_KEY

if TYPE_CHECKING:
    from aisuite.bundle.kept_state import ProjectState
    from aisuite.ops.backup import BackupDoors

_LONGEST = 30  # seconds after which a hold ends by itself, whatever became of us
_PATIENCE = 10.0  # seconds for writers to finish what they do


class Hold:
    """Holds the writers of all services that run and can be held; `seconds` tells afterwards for how long.

    Raises BackupFailed when one cannot be held, or a hold may have ended before its time.
    """

    def __init__(self, state: ProjectState, doors: BackupDoors) -> None:
        self._doors = doors
        running = {one.name for one in doors.deps.engine.observe().services if one.state in ALIVE}
        self._urls = [one.maintenance for one in state.services if one.maintenance and one.service in running]
        self._key = (doors.deps.workdir.read(f"secrets/{SERVICE_KEY}") or "").strip()
        self._held: list[str] = []
        self._began = 0.0
        self.seconds = 0.0

    def __enter__(self) -> Hold:
        clock = self._doors.deps.clock
        self._began = clock.monotonic()
        for url in self._urls:
            self._held.append(url)
            try:
                answer = self._post(url, {"hold": True, "seconds": _LONGEST})
            except AisuiteError as err:
                self._release()
                message = f"writers could not be held at {url}: {err.message}"
                raise BackupFailed(message, "aisuite backup   # without --quiesce") from err
            waited = answer.get("waited")
            if url == self._urls[0] and isinstance(waited, int | float):
                self._began = clock.monotonic() - waited  # it may have let them in meanwhile, and begun again
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.seconds = self._doors.deps.clock.monotonic() - self._began
        self._release()
        if kind is None and self._urls and self.seconds > _LONGEST:
            message = f"copying took {self.seconds:.0f} s, and writers were held for {_LONGEST}"
            raise BackupFailed(message, "aisuite backup   # without --quiesce")

    def _release(self) -> None:
        for url in self._held:
            try:
                self._post(url, {"hold": False})
            except AisuiteError:
                continue  # it ends by itself
        self._held.clear()

    def _post(self, url: str, body: dict[str, object]) -> dict[str, Any]:
        return self._doors.chat.post(url, self._key, body, _PATIENCE)
