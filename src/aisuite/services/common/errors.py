"""What a service can refuse, and the body in which it says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from aisuite.services.common.request_id import current_request_id

_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}


class StartError(Exception):
    """The service cannot start; the message is one line for the person who started it."""

    exit_code = 1


class KeyFileUnusable(StartError):
    """The API key file is missing, unreadable or empty."""

    exit_code = 3


class ServiceError(Exception):
    """A request that is answered with an error status."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    @property
    def kind(self) -> str:
        """The OpenAI error type that belongs to the status."""
        return _KINDS.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")


ErrorForm = Callable[[ServiceError], dict[str, Any]]


def openai_form(error: ServiceError) -> dict[str, Any]:
    """Give the error as OpenAI clients expect it, with the request id beside it."""
    return {
        "error": {"message": error.message, "type": error.kind, "code": error.code, "param": error.param},
        "request_id": current_request_id(),
    }


def error_response(error: ServiceError, form: ErrorForm) -> Response:
    """Make the HTTP answer for an error."""
    return JSONResponse(form(error), status_code=error.status, headers=error.headers)


def internal_error() -> ServiceError:
    """Describe an unexpected failure without its internals, which are in the log."""
    return ServiceError(500, "internal error; the log has the cause under this request id", code="internal_error")


def install_error_handlers(app: FastAPI, form: ErrorForm) -> None:
    """Answer every refused request of the app in one form."""
    app.add_exception_handler(ServiceError, _handler(form, lambda _, error: error))
    app.add_exception_handler(HTTPException, _handler(form, _from_http))
    app.add_exception_handler(RequestValidationError, _handler(form, _from_validation))


def _handler(
    form: ErrorForm, translate: Callable[[Request, Any], ServiceError]
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        return error_response(translate(request, error), form)

    return handle


def _from_http(request: Request, error: HTTPException) -> ServiceError:
    message = error.detail
    if error.status_code == 404 and message == HTTPStatus.NOT_FOUND.phrase:
        message = f"no route {request.method} {request.url.path}"
    elif error.status_code == 405:
        message = f"{request.url.path} does not answer {request.method}"
    return ServiceError(error.status_code, message, headers=error.headers)


def _from_validation(_: Request, error: RequestValidationError) -> ServiceError:
    problems = error.errors()
    places = [".".join(str(part) for part in problem["loc"]) for problem in problems]
    message = "; ".join(f"{place}: {problem['msg']}" for place, problem in zip(places, problems, strict=True))
    return ServiceError(422, message, code="invalid_request", param=places[0] if places else None)
