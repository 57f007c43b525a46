"""Which services a profile asks for, at which ports, and which waits for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.units import Port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aisuite.profile.model import Model, Profile
    from aisuite.profile.services import EmbeddingBackend, Service

GATEWAY = "api-gateway"
EMBEDDING = "embedding"
INFERENCE = "inference-"

# The model servers of these names have usual ports; those of other models are the owner's to choose.
DEFAULT_PORTS: Mapping[str, Port] = {
    GATEWAY: Port(8000),
    "inference-chat": Port(8001),
    "rag": Port(8002),
    "embedding": Port(8003),
    "inference-code": Port(8004),
    "inference-embed": Port(8006),
    "inference-rerank": Port(8007),
    "qdrant": Port(6333),
}
_BESIDE_THE_MODELS: Mapping[int, tuple[str, ...]] = {
    1: (GATEWAY,),
    2: (GATEWAY, "qdrant", "embedding", "rag"),
    3: (GATEWAY, "qdrant", "embedding", "rag"),
}
_WAITS_FOR: Mapping[str, tuple[str, ...]] = {"rag": ("qdrant", "embedding", GATEWAY)}


def model_services(profile: Profile) -> tuple[str, ...]:
    """Name the model servers, in the order of the profile."""
    return tuple(f"{INFERENCE}{model}" for model in profile.models)


def chat_services(profile: Profile) -> tuple[str, ...]:
    """Name the model servers that routes may lead to."""
    return tuple(f"{INFERENCE}{name}" for name, model in profile.models.items() if model.serves == "chat")


def embedding_backend(profile: Profile) -> EmbeddingBackend:
    """Name what embeds, also where the profile says `auto`."""
    return profile.services.embedding.chosen_backend(profile.models)


def embedding_model(profile: Profile) -> str | None:
    """Name the model of `models` that the embedding service asks; None where it needs none."""
    return profile.services.embedding.model if embedding_backend(profile) == "llamacpp" else None


def takes_card(model: Model, profile: Profile) -> bool:
    """Return whether a model's server gets a card: an encoder without a layer on it would hold some for nothing."""
    return profile.gpu.backend != "cpu" and (model.serves == "chat" or model.gpu_layers != 0)


def unasked_encoders(profile: Profile) -> tuple[str, ...]:
    """Name the models that serve embedding or rerank, and that no service asks."""
    running = running_services(profile)
    asked = {embedding_model(profile)} if EMBEDDING in running else set()
    asked |= {profile.services.rag.reranker} if "rag" in running else set()
    return tuple(name for name, model in profile.models.items() if model.serves != "chat" and name not in asked)


def service_settings(profile: Profile) -> dict[str, Service]:
    """Return what the profile says about each service of its phase, enabled or not, beside the model servers."""
    settings = profile.services
    known: dict[str, Service] = {
        GATEWAY: settings.api_gateway,
        "qdrant": settings.qdrant,
        "embedding": settings.embedding,
        "rag": settings.rag,
    }
    return {name: known[name] for name in _BESIDE_THE_MODELS[profile.phase]}


def running_services(profile: Profile) -> tuple[str, ...]:
    """Name the services of the stack: the model servers, then those of the phase that are enabled."""
    beside = (name for name, settings in service_settings(profile).items() if settings.enabled)
    return (*model_services(profile), *beside)


def host_ports(profile: Profile) -> dict[str, Port | None]:
    """Return the host port of each running service; None where neither the profile nor a default names one."""
    return {name: profile.ports.get(name, DEFAULT_PORTS.get(name)) for name in running_services(profile)}


def default_dependencies(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Return which running services each running service usually waits for.

    The gateway waits for the servers of chat models, of which one is enough; every other edge is required.
    """
    running = running_services(profile)
    usual = {GATEWAY: chat_services(profile), **_WAITS_FOR}
    if (encoder := embedding_model(profile)) is not None:  # RAG waits for no reranker: it answers without one, too
        usual[EMBEDDING] = (f"{INFERENCE}{encoder}",)
    return {name: tuple(other for other in usual.get(name, ()) if other in running) for name in running}


def effective_dependencies(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Return the usual dependencies, replaced by `services.<name>.depends_on` where the profile says so."""
    settings = service_settings(profile)
    graph = default_dependencies(profile)
    for name in graph:
        own = settings[name].depends_on if name in settings else None
        if own is not None:
            graph[name] = own
    return graph


def find_cycle(graph: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """Return one cycle as (a, b, ..., a), or None. Names that are no key of the graph depend on nothing."""
    done: set[str] = set()
    for start in graph:
        # Iterative: a long chain in a profile must not end in a RecursionError.
        path: list[str] = []
        stack = [(start, iter((start,)))]
        while stack:
            _, following = stack[-1]
            name = next(following, None)
            if name is None:
                stack.pop()
                if path:
                    done.add(path.pop())
            elif name in path:
                return (*path[path.index(name) :], name)
            elif name not in done:
                path.append(name)
                stack.append((name, iter(graph.get(name, ()))))
    return None
