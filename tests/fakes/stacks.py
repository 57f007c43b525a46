"""Small stacks for tests: real values, made by hand, of services that need no program."""

from __future__ import annotations

from pathlib import Path

from aisuite.stack.model import (
    Dependency,
    Endpoint,
    GatewayPolicy,
    ModelFile,
    Role,
    Route,
    SecretUse,
    Service,
    Stack,
    Target,
)
from aisuite.units import Port, Seconds

FOLDER = Path("/srv/aisuite/.aisuite/aisuite")
_ROLES = {"api-gateway": Role.GATEWAY, "rag": Role.RAG, "embedding": Role.EMBEDDING, "qdrant": Role.VECTORDB}


def make_service(name: str, port: int, *needs: Dependency, command: tuple[str, ...] = ()) -> Service:
    """Return a service on 127.0.0.1:port."""
    endpoint = Endpoint("127.0.0.1", Port(port))
    return Service(
        name=name,
        role=_ROLES.get(name, Role.INFERENCE),
        command=command or (name, "--port", str(port)),
        environment=(("A", "1"),),
        secrets=(SecretUse("service_key", "SERVICE_API_KEY_FILE", as_file=True),),
        config_files=(),
        listen=endpoint,
        published=endpoint,
        depends_on=needs,
        live_path="/livez",
        ready_path="/health",
        deadline=Seconds(5),
    )


def make_stack(*services: Service, models: tuple[ModelFile, ...] = (), gpu_device: int | None = None) -> Stack:
    """Return a stack of these services, every route served by its model servers in order."""
    servers = [service for service in services if service.role is Role.INFERENCE]
    targets = tuple(
        Target(one.name, one.name, one.published.url + "/v1", order) for order, one in enumerate(servers, 1)
    )
    return Stack(
        project="aisuite",
        engine="process",
        profile="demo",
        phase=2,
        folder=FOLDER,
        data=FOLDER / "data",
        gpu_device=gpu_device,
        services=services,
        routes=(Route("chat-7b", targets), Route("code-7b", targets[::-1])),
        policy=GatewayPolicy(
            request_timeout=60,
            stream_timeout=25,
            attempts=3,
            timeout_attempts=0,
            cooldown=5,
            health_interval=10,
            health_timeout=5,
            health_staleness=60,
        ),
        models=models,
        variables=(),
    )


def phase2_stack() -> Stack:
    """Return the six services of phase 2 with their usual dependencies."""
    optional = (Dependency("inference-chat", required=False), Dependency("inference-code", required=False))
    hard = (Dependency("qdrant"), Dependency("embedding"), Dependency("api-gateway"))
    return make_stack(
        make_service("inference-chat", 8001),
        make_service("inference-code", 8004),
        make_service("embedding", 8003),
        make_service("qdrant", 6333),
        make_service("api-gateway", 8000, *optional),
        make_service("rag", 8002, *hard),
    )


def out_of_order(started: list[str], stack: Stack) -> list[str]:
    """Name the services of a stack that were started before something they depend on."""
    place = {name: number for number, name in enumerate(started)}
    return [
        service.name
        for service in stack.services
        if any(place.get(need.service, -1) > place.get(service.name, len(started)) for need in service.depends_on)
    ]
