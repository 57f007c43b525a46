"""What all services share: settings, key, request ids, JSON logs, metrics, error body, start and stop."""

from aisuite.services.common.errors import ErrorForm, ServiceError, StartError
from aisuite.services.common.health import OK, health_response
from aisuite.services.common.install import install
from aisuite.services.common.metrics import Metrics
from aisuite.services.common.request_id import current_request_id, outgoing_headers
from aisuite.services.common.run import run
from aisuite.services.common.settings import ServiceSettings

__all__ = [
    "OK",
    "ErrorForm",
    "Metrics",
    "ServiceError",
    "ServiceSettings",
    "StartError",
    "current_request_id",
    "health_response",
    "install",
    "outgoing_headers",
    "run",
]
