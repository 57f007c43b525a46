"""The keys of LiteLLM's configuration that we write: all of them are read by the pinned release.

LiteLLM itself is of no help here: it ignores most keys that it does not know, forwards others to the model server,
and drops a server whose settings have the wrong type.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Names = Annotated[tuple[str, ...], Strict(False)]
Number = int | float
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A piece of the file; an unknown key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class LitellmParams(Part):
    """How a server is called. `order` must be a number: a text there fails every request."""

    model: str
    api_base: str
    api_key: Literal["os.environ/INFERENCE_API_KEY"]
    order: Annotated[int, Field(ge=1)]
    timeout: Number
    stream_timeout: Number


class ModelInfo(Part):
    """What is known of a server."""

    id: str
    mode: Literal["chat"]
    health_check_timeout: Number
    health_check_max_tokens: Count
    supports_assistant_prefill: bool


class Deployment(Part):
    """One server behind one public name."""

    model_name: str
    litellm_params: LitellmParams
    model_info: ModelInfo


class RetryPolicy(Part):
    """Tries by class of error; 502 has no class of its own and falls under the default."""

    TimeoutErrorRetries: Count
    InternalServerErrorRetries: Count
    ServiceUnavailableErrorRetries: Count
    RateLimitErrorRetries: Count
    DefaultRetries: Count
    BadRequestErrorRetries: Count
    AuthenticationErrorRetries: Count
    ContentPolicyViolationErrorRetries: Count
    NotFoundErrorRetries: Count


class AllowedFailsPolicy(Part):
    """Failures after which the circuit opens."""

    TimeoutErrorAllowedFails: Count
    InternalServerErrorAllowedFails: Count
    ServiceUnavailableErrorAllowedFails: Count
    BadGatewayErrorAllowedFails: Count
    RateLimitErrorAllowedFails: Count


class RouterSettings(Part):
    """Arguments of LiteLLM's router."""

    routing_strategy: Literal["simple-shuffle"]
    num_retries: Count
    retry_policy: RetryPolicy
    allowed_fails_policy: AllowedFailsPolicy
    cooldown_time: Number
    enable_mid_stream_fallback_continuation: bool


class GeneralSettings(Part):
    """The proxy itself. `health_check_interval` must be whole: LiteLLM starts no probes otherwise, and says nothing."""

    master_key: Literal["os.environ/LITELLM_MASTER_KEY"]
    trusted_proxy_ranges: Names
    background_health_checks: bool
    health_check_interval: Annotated[int, Field(ge=1)]
    health_check_details: bool
    health_check_staleness_threshold: Annotated[int, Field(ge=1)]
    enable_health_check_routing: bool
    background_health_check_model_groups: Names


class LitellmSettings(Part):
    """Attributes of the litellm module."""

    callbacks: Names
    json_logs: bool


class LitellmFile(Part):
    """The whole file."""

    model_list: Annotated[tuple[Deployment, ...], Strict(False)]
    router_settings: RouterSettings
    general_settings: GeneralSettings
    litellm_settings: LitellmSettings


def parse_litellm(text: str) -> LitellmFile:
    """Read a LiteLLM configuration of ours. Raises ValueError for a key or type that is not in the subset."""
    try:
        return LitellmFile.model_validate(yaml.load(text, Loader=_LOADER))  # noqa: S506  a safe loader, see above
    except yaml.YAMLError as err:
        raise ValueError(f"not YAML: {err}") from err
    except ValidationError as err:
        problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in err.errors())
        raise ValueError("; ".join(problems)) from err
