"""What the store refuses, in Qdrant's words and form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aisuite.services.common import ServiceError


class BadRequest(ServiceError):
    """The request cannot be understood or contradicts the collection."""

    def __init__(self, message: str) -> None:
        super().__init__(400, f"Wrong input: {message}")


class InvalidBody(ServiceError):
    """A field of the body is missing, unknown or out of range."""

    def __init__(self, message: str) -> None:
        super().__init__(422, f"Validation error in JSON body: [{message}]")


class NotFound(ServiceError):
    """Nothing of that name or id."""

    def __init__(self, message: str) -> None:
        super().__init__(404, f"Not found: {message}")


class Conflict(ServiceError):
    """The name is taken."""

    def __init__(self, message: str) -> None:
        super().__init__(409, f"Wrong input: {message}")


class NotSupported(ServiceError):
    """The Qdrant server has this, the embedded store does not."""

    def __init__(self, feature: str) -> None:
        super().__init__(501, f"Not supported by the embedded store: {feature}")


class DiskAlmostFull(ServiceError):
    """Writing on could leave half-written memory maps, which kill the process."""

    def __init__(self, free_mib: int, wanted_mib: int) -> None:
        super().__init__(507, f"No space left: {free_mib} MiB free on the data disk, {wanted_mib} MiB must stay free")


class CollectionBroken(ServiceError):
    """The collection is on disk but cannot be opened."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(503, f"Service unavailable: collection `{name}` cannot be opened: {cause}")


def missing_collection(name: str) -> NotFound:
    """Say that there is no such collection or alias."""
    return NotFound(f"Collection `{name}` doesn't exist!")


def qdrant_form(error: ServiceError) -> dict[str, Any]:
    """Give the error as Qdrant clients expect it."""
    return {"status": {"error": error.message}, "time": 0.0}


@contextmanager
def engine_errors() -> Iterator[None]:
    """Translate what the engine raises: a bare `Exception` with a sentence in it, or a panic."""
    try:
        yield
    except ServiceError:
        raise
    except Exception as err:
        raise _translate(err) from err
    except BaseException as err:
        if type(err).__name__ == "PanicException":  # of no importable class
            raise ServiceError(500, f"the engine failed: {_first_line(err)}") from err
        raise


def _translate(err: Exception) -> ServiceError:
    message = _first_line(err)
    if message.startswith("No point with id"):
        return NotFound(f"{message} found")
    if message.startswith(("Service runtime error", "Operation cancelled", "Out of memory")):
        return ServiceError(500, message)
    return BadRequest(message)


def _first_line(err: BaseException) -> str:
    return (str(err).splitlines() or [type(err).__name__])[0]
