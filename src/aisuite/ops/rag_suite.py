"""The RAG service of the running suite, as its owner asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aisuite.errors import NotRunning, UsageError
from aisuite.ops.record import require_record
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aisuite.ports import Chat, Deps, Probe

_PATIENCE = 30.0  # seconds for what needs no model


@dataclass(frozen=True, slots=True)
class RagSuite:
    """Where the service is, its key, and who carries the requests."""

    url: str
    key: str
    chat: Chat
    probe: Probe

    def post(self, path: str, body: Mapping[str, Any], seconds: float = _PATIENCE) -> dict[str, Any]:
        """POST and return the answer. Raises NotRunning, StepFailed."""
        return self.chat.post(self.url + path, self.key, body, seconds)

    def upload(self, collection: str, files: Sequence[tuple[str, bytes]], seconds: float) -> dict[str, Any]:
        """Have files indexed as a job, and return how far it is. Raises NotRunning, StepFailed."""
        url = f"{self.url}/upload?wait=false"
        return self.chat.post_files(url, self.key, {"collection": collection}, files, seconds)

    def follow_job(self, job: str, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield how far a job is, until it is finished; `seconds` is the longest silence.

        Raises NotRunning, and StepFailed where the job fails or waits for something.
        """
        return self.chat.follow(f"{self.url}/jobs/{job}/events", self.key, seconds)

    def delete(self, path: str) -> None:
        """DELETE. Raises NotRunning, StepFailed."""
        self.chat.delete(self.url + path, self.key, _PATIENCE)

    def read(self, path: str) -> Any:
        """GET and return the answer. Raises NotRunning where there is none."""
        told = self.probe.read(self.url + path, self.key, _PATIENCE)
        if told is None:
            raise NotRunning(f"{self.url}{path} gives no answer", "aisuite health")
        return told

    def collections(self) -> list[dict[str, Any]]:
        """Describe all collections. Raises NotRunning."""
        return list(self.read("/collections")["collections"])

    def choose_collection(self, wanted: str | None) -> str:
        """Return the collection that is meant; where none is named, the only one. Raises UsageError, NotRunning."""
        names = [str(one["name"]) for one in self.collections()]
        if wanted is None and len(names) == 1:
            return names[0]
        if wanted in names:
            return str(wanted)
        if not names:
            raise UsageError("there is no collection yet", "aisuite rag index docs --collection docs")
        problem = "there are several collections" if wanted is None else f"there is no collection {wanted!r}"
        raise UsageError(f"{problem}: {', '.join(names)}", f"name one: --collection {names[0]}")


def require_rag(deps: Deps, chat: Chat) -> RagSuite:
    """Return the RAG service of the stack that was brought up. Raises NotRunning."""
    url = require_record(deps.workdir).require(Role.RAG).url
    key = deps.workdir.read("secrets/service_key")
    if key is None:
        raise NotRunning(f"the key service_key is missing in {deps.workdir.folder}", "aisuite up --phase 2")
    return RagSuite(url, key.strip(), chat, deps.probe)


def collection_path(collection: str, document: str | None = None) -> str:
    """Return the path of a collection, or of a document in it."""
    path = f"/collections/{quote(collection, safe='')}"
    return path if document is None else f"{path}/documents/{quote(document)}"
