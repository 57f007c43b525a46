"""The gateway: LiteLLM in front of the model servers."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from aisuite.profile.dependencies import GATEWAY, INFERENCE
from aisuite.stack.containers import entrypoint_for, python_check
from aisuite.stack.model import GatewayPolicy, Mount, Role, Route, SecretUse, Service, Target
from aisuite.stack.numerals import decimal
from aisuite.stack.places import GATEWAY_KEY, SERVICE_KEY

if TYPE_CHECKING:
    from aisuite.profile.model import Profile
    from aisuite.stack.places import Places

ENVIRONMENT = {
    # llama-server closes an idle connection after 5 s. A gateway that is busy sees that late, and a request on such a
    # connection fails as if the server had.
    "AIOHTTP_KEEPALIVE_TIMEOUT": "2",
    # A server that comes back with a new address is found in 2 s, not in 300; an address that is gone costs 3 s a try.
    "AIOHTTP_TTL_DNS_CACHE": "2",
    "DISABLE_ADMIN_UI": "True",
    "LITELLM_DISABLE_ACCESS_LOG_PATHS": "/health/liveliness,/metrics/",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # no look-up on the internet
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # the same
    "LITELLM_OFFLINE_MODE": "true",  # the same, for all its catalogues
    "LITELLM_TELEMETRY_DISABLED": "true",
    "NO_DOCS": "True",
}
_LONGEST_SILENCE = 25.0  # seconds between two pieces of a stream before another server is asked
_FRESH_PROBES = 6  # a probe's result counts for so many intervals, and for a minute at least
_DOOR = "model_servers.py"  # what LiteLLM loads from beside its configuration
_START = "start_gateway.py"  # what runs LiteLLM
_CONFIG = "litellm.yaml"
_IN_CONTAINER = "/app"
_FIRST_BACKOFF, _JITTER, _ALL_BACKOFFS = 0.5, 0.25, 9.0  # seconds


def gateway_service(profile: Profile, places: Places) -> Service:
    """Return the LiteLLM proxy; one worker, because the state of its circuits is not shared between workers."""
    settings, listen = profile.services.api_gateway, places.listen(GATEWAY)
    rendered = _rendered(places)
    secrets = (
        SecretUse(SERVICE_KEY, "INFERENCE_API_KEY", as_file=False),
        SecretUse(GATEWAY_KEY, "LITELLM_MASTER_KEY", as_file=False),
    )
    config, _, start = (_place(name, places) for name in rendered)
    # -P: in the image's folder lies LiteLLM's source, too.
    program = ("python3", "-P") if places.containers else places.site.gateway
    address = ("--host", listen.host, "--port", str(listen.port))
    # A container's user has no home; caches go where it may write.
    home = {"HOME": "/tmp"} if places.containers else {}  # noqa: S108
    environment = ENVIRONMENT | _waits(profile) | home
    return Service(
        name=GATEWAY,
        role=Role.GATEWAY,
        command=(*program, start, "--config", config, *address, "--num_workers", "1"),
        environment=tuple(sorted(environment.items())),
        secrets=secrets,
        config_files=rendered,
        listen=listen,
        published=places.published(GATEWAY),
        depends_on=(),
        live_path="/health/liveliness",
        ready_path="/health/readiness",
        deadline=settings.deadline,
        image=profile.images.gateway if places.containers else None,
        entrypoint=entrypoint_for(secrets) if places.containers else None,
        mounts=tuple(Mount(f"./{name}", _place(name, places)) for name in rendered) if places.containers else (),
        cpus=places.cpu_limit(settings.cpus),
        memory=places.memory_limit(settings.memory),
        user=places.user,
        healthcheck=_healthcheck(profile, places),
    )


def _rendered(places: Places) -> tuple[str, str, str]:
    """Return what it reads, relative to the project folder: all of it lies in one folder."""
    config = config_file(places)
    return config, config.replace(_CONFIG, _DOOR), config.replace(_CONFIG, _START)


def _place(name: str, places: Places) -> str:
    return f"{_IN_CONTAINER}/{name}" if places.containers else str(places.site.folder / name)


def _waits(profile: Profile) -> dict[str, str]:
    """Return how long is waited for servers, and between tries when none is well.

    LiteLLM tries again and again at one server, then at the next one, and sleeps after every try: all of that
    together stays below what a caller should wait to be told that nothing can answer.
    """
    tries = (profile.retry.attempts + 1) * max(len(models) for models in profile.routes.values())
    longest = max(0.0, _ALL_BACKOFFS / tries - _JITTER)
    return {
        "INITIAL_RETRY_DELAY": decimal(_FIRST_BACKOFF),
        "JITTER": decimal(_JITTER),
        "MAX_RETRY_DELAY": decimal(longest),
        "MODEL_CONNECT_TIMEOUT": decimal(profile.timeouts.connect),
        "MODEL_HEALTH_TIMEOUT": decimal(profile.services.api_gateway.health_timeout),
    }


def _healthcheck(profile: Profile, places: Places) -> tuple[str, ...]:
    if not places.containers:
        return ()
    at = places.inside(GATEWAY)
    return python_check(at, "/health/liveliness", "python3", end_when_hung=profile.restart_when_hung, keeps_worker=True)


def config_file(places: Places) -> str:
    """Return where its rendered configuration lies in the project folder."""
    return _CONFIG if places.containers else f"process/{_CONFIG}"


def routes(profile: Profile, places: Places) -> tuple[Route, ...]:
    """Return the public model names with their servers in order."""
    return tuple(Route(name, _targets(models, places)) for name, models in profile.routes.items())


def _targets(models: tuple[str, ...], places: Places) -> tuple[Target, ...]:
    return tuple(
        Target(
            service=f"{INFERENCE}{model}",
            model=model,
            url=f"{places.url(f'{INFERENCE}{model}')}/v1",
            order=order,
        )
        for order, model in enumerate(models, start=1)
    )


def policy(profile: Profile) -> GatewayPolicy:
    """Return how the gateway waits, retries and heals."""
    settings, request = profile.services.api_gateway, float(profile.timeouts.request)
    interval = ceil(settings.health_interval)
    return GatewayPolicy(
        request_timeout=request,
        stream_timeout=min(_LONGEST_SILENCE, request),
        attempts=profile.retry.attempts,
        timeout_attempts=0,  # who was too slow once would compute it all again: the next server is asked
        cooldown=float(settings.cooldown),
        health_interval=interval,
        health_timeout=float(settings.health_timeout),
        health_staleness=max(60, _FRESH_PROBES * interval),
    )
