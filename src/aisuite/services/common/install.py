"""The one call that gives an app what every service has."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI

from aisuite.services.common.auth import KeyMiddleware
from aisuite.services.common.errors import ErrorForm, install_error_handlers, openai_form
from aisuite.services.common.health import HealthCheck, install_health_routes
from aisuite.services.common.metrics import Metrics, install_metrics_route
from aisuite.services.common.observe import FailureMiddleware, ObserveMiddleware
from aisuite.services.common.openapi import document
from aisuite.services.common.request_id import RequestIdMiddleware
from aisuite.services.common.settings import ServiceSettings, read_api_key

OPEN_PATHS = frozenset({"/livez", "/health"})


def install(
    app: FastAPI,
    settings: ServiceSettings,
    *,
    health: HealthCheck | None = None,
    error_form: ErrorForm = openai_form,
    open_paths: Collection[str] = OPEN_PATHS,
    key_header: str | None = None,
) -> Metrics:
    """Give the app its key check, request ids, logs, error body, /livez, /health and /metrics, and complete
    its OpenAPI document.

    Without `health` the service has to serve /health itself (see `health_response`).
    Raises `KeyFileUnusable`. The returned registry takes the service's own metrics.
    """
    key = read_api_key(settings.service_api_key_file)
    metrics = Metrics()
    install_error_handlers(app, error_form)
    install_health_routes(app, health)
    install_metrics_route(app, metrics)
    if error_form is openai_form:
        document(app, open_paths)
    # The last one added is the outermost: the id is known to all, and each refusal is logged and counted.
    app.add_middleware(KeyMiddleware, key=key, form=error_form, open_paths=open_paths, key_header=key_header)
    app.add_middleware(FailureMiddleware, form=error_form)
    app.add_middleware(ObserveMiddleware, metrics=metrics)
    app.add_middleware(RequestIdMiddleware)
    return metrics
