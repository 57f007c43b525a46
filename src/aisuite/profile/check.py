"""What no single key can get wrong: how the parts of a profile fit together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.profile.dependencies import (
    DEFAULT_PORTS,
    GATEWAY,
    INFERENCE,
    effective_dependencies,
    embedding_backend,
    find_cycle,
    host_ports,
    model_services,
    running_services,
    service_settings,
)
from aisuite.profile.keypath import did_you_mean, format_key
from aisuite.profile.model import PLAIN_KV_TYPES
from aisuite.profile.services import HASH_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.profile.keypath import KeyPath
    from aisuite.profile.model import Model, Profile, Source

_RAG = ("services", "rag")
_NEEDED_BY_RAG = ("qdrant", "embedding", GATEWAY)


@dataclass(frozen=True, slots=True)
class Finding:
    """A conflict between keys. The message names them: it is reported at the one that was said last."""

    keys: tuple[KeyPath, ...]
    message: str


def check(profile: Profile) -> tuple[Finding, ...]:
    """Return every conflict in a profile of which each value alone is fine."""
    return tuple(finding for part in _PARTS for finding in part(profile))


def _sources(profile: Profile) -> Iterator[Finding]:
    for name, model in profile.models.items():
        problem = _source_problem(model.source)
        if problem:
            place = ("models", name, "source")
            yield Finding((place, *((*place, key) for key in ("repo", "file", "demo"))), problem)


def _source_problem(source: Source) -> str | None:
    if source.demo and (source.repo or source.file):
        return "names a file and says `demo: true`; a demo model is written here, so remove one of them"
    if source.demo or source.file:
        return None
    return "needs `repo` and `file`, or `demo: true`"


def _cards(profile: Profile) -> Iterator[Finding]:
    """Yield cards of models that are none of those on which models are placed."""
    cards = profile.gpu.devices
    for name, model in profile.models.items():
        if model.device is None or cards == "auto" or (cards is not None and model.device in cards):
            continue
        keys: tuple[KeyPath, ...] = (("models", name, "device"), ("gpu", "devices"))
        known = "nothing" if cards is None else ", ".join(str(card) for card in cards)
        yield Finding(keys, f"card {model.device} is not in gpu.devices, which is {known}; add it there, or write auto")


def _layers(profile: Profile) -> Iterator[Finding]:
    for name, model in profile.models.items():
        problem = _layer_problem(profile, model)
        if problem:
            yield Finding((("models", name, "gpu_layers"), ("gpu", "backend")), problem)


def _kv(profile: Profile) -> Iterator[Finding]:
    for name, model in profile.models.items():
        place = ("models", name)
        if model.flash_attention == "off" and model.kv_type not in PLAIN_KV_TYPES:
            message = f"llama.cpp takes kv_type {model.kv_type} only with flash attention; write f16, or auto"
            yield Finding(((*place, "kv_type"), (*place, "flash_attention")), message)


def _freedoms(profile: Profile) -> Iterator[Finding]:
    for name, model in profile.models.items():
        place = ("models", name)
        if model.context_min is not None and model.context_min > model.context:
            message = f"context_min ({model.context_min}) is more than context ({model.context})"
            yield Finding(((*place, "context_min"), (*place, "context")), message)
        if model.parallel_min is not None and model.parallel_min > model.parallel:
            message = f"parallel_min ({model.parallel_min}) is more than parallel ({model.parallel})"
            yield Finding(((*place, "parallel_min"), (*place, "parallel")), message)


def _layer_problem(profile: Profile, model: Model) -> str | None:
    on_card = profile.gpu.backend != "cpu"
    if isinstance(model.gpu_layers, int) and model.gpu_layers > 0 and not on_card:
        return f"{model.gpu_layers} layers cannot go to a card: gpu.backend is cpu; write 0 layers, or a backend"
    return None


def _gpu(profile: Profile) -> Iterator[Finding]:
    gpu = profile.gpu
    if gpu.budget is not None and gpu.reserve >= gpu.budget:
        yield Finding(
            (("gpu", "reserve"), ("gpu", "budget")),
            f"a reserve of {gpu.reserve} in a budget of {gpu.budget} leaves nothing for the models",
        )


def _routes(profile: Profile) -> Iterator[Finding]:
    for route, targets in profile.routes.items():
        for position, model in enumerate(targets):
            if model not in profile.models:
                guess = did_you_mean(model, profile.models, "the models are")
                yield Finding((("routes", route, position), ("models",)), f"no model {model!r}{guess}")
            elif (serves := profile.models[model].serves) != "chat":
                keys = (("routes", route, position), ("models", model, "serves"))
                yield Finding(keys, f"model {model!r} serves {serves}, so no route can lead to it")
        for model, times in Counter(targets).items():
            if times > 1:
                yield Finding((("routes", route),), f"names {model!r} {times} times; a second try is `retry.attempts`")


def _ports(profile: Profile) -> Iterator[Finding]:
    known = sorted({*DEFAULT_PORTS, *model_services(profile)})
    for name in profile.ports:
        if name not in known:
            guess = did_you_mean(name, known, "the services are")
            yield Finding((("ports", name), ("models",)), f"no service {name!r}{guess}")
    taken: dict[int, str] = {}
    for name, port in host_ports(profile).items():
        place = ("ports", name)
        if port is None:
            message = f"has no port: set {format_key(place)}; only those of {_with_default()} are usual"
            yield Finding((("models", name.removeprefix(INFERENCE)), place), message)
        elif port in taken:
            other = taken[port]
            yield Finding((place, ("ports", other)), f"{port} is the port of both {other} and {name}")
        else:
            taken[port] = name


def _with_default() -> str:
    *names, last = (name.removeprefix(INFERENCE) for name in DEFAULT_PORTS if name.startswith(INFERENCE))
    return f"{', '.join(names)} and {last}"


def _dependencies(profile: Profile) -> Iterator[Finding]:
    running = running_services(profile)
    for name, settings in service_settings(profile).items():
        for position, other in enumerate(settings.depends_on or ()):
            place: KeyPath = ("services", name, "depends_on", position)
            if other not in running:
                guess = did_you_mean(other, running, "those of this profile are")
                yield Finding((place, ("models",), ("phase",)), f"no service {other!r} runs{guess}")
    cycle = find_cycle(effective_dependencies(profile))
    if cycle:
        own = [name for name in cycle if name not in profile.models and _says_depends_on(profile, name)]
        yield Finding((("services", own[0], "depends_on"),), f"is a circle: {' -> '.join(cycle)}")


def _says_depends_on(profile: Profile, name: str) -> bool:
    settings = service_settings(profile).get(name)
    return settings is not None and settings.depends_on is not None


def _embedding(profile: Profile) -> Iterator[Finding]:
    settings, place = profile.services.embedding, ("services", "embedding")
    keys: tuple[KeyPath, ...] = ((*place, "model"), (*place, "backend"))
    if embedding_backend(profile) == "llamacpp":
        yield from _encoder(profile, settings.model, "embedding", keys)
    elif settings.backend == "hash" and settings.model != HASH_MODEL:
        yield Finding(keys, f"{settings.model!r} is no model of backend hash, which has {HASH_MODEL}")
    elif settings.backend == "fastembed" and settings.model in {HASH_MODEL, *profile.models}:
        yield Finding(keys, "backend fastembed needs the name of a model, such as intfloat/multilingual-e5-small")
    if settings.queue < settings.max_texts:
        message = f"queue ({settings.queue}) cannot hold a request of max_texts ({settings.max_texts})"
        yield Finding(((*place, "queue"), (*place, "max_texts")), message)
    if profile.services.rag.reranker is not None:
        yield from _encoder(profile, profile.services.rag.reranker, "rerank", ((*_RAG, "reranker"),))


def _encoder(profile: Profile, name: str, task: str, keys: tuple[KeyPath, ...]) -> Iterator[Finding]:
    """Yield what is wrong with a model that a service asks by name."""
    if name not in profile.models:
        guess = did_you_mean(name, profile.models, "the models are")
        yield Finding((*keys, ("models",)), f"no model {name!r}{guess}")
    elif profile.models[name].serves != task:
        message = f"model {name!r} serves {profile.models[name].serves}; write `serves: {task}`"
        yield Finding((*keys, ("models", name, "serves")), message)


_SMALLEST_SLOT = 128  # tokens: a question, a source and an answer


def _rag(profile: Profile) -> Iterator[Finding]:
    running = running_services(profile)
    if "rag" not in running:
        return
    rag = profile.services.rag
    for name in _NEEDED_BY_RAG:
        if name not in running:
            keys = (("services", name, "enabled"), (*_RAG, "enabled"))
            yield Finding(keys, f"rag needs {name}; enable it, or disable rag")
    if rag.chunk_overlap > rag.chunk_size // 2:
        keys = ((*_RAG, "chunk_overlap"), (*_RAG, "chunk_size"))
        message = f"chunk_overlap ({rag.chunk_overlap}) must be at most half of chunk_size ({rag.chunk_size})"
        yield Finding(keys, message)
    for key, route in (("chat_model", rag.chat_model), ("code_model", rag.code_model)):
        if route not in profile.routes:
            guess = did_you_mean(route, profile.routes, "the routes are")
            yield Finding(
                ((*_RAG, key), ("routes",)), f"rag.{key} asks for {route!r}, but there is no such route{guess}"
            )
    yield from _answer_lengths(profile)


def _answer_lengths(profile: Profile) -> Iterator[Finding]:
    rag = profile.services.rag
    targets = {name for route in (rag.chat_model, rag.code_model) for name in profile.routes.get(route, ())}
    for name, model in profile.models.items():
        context, place = model.context_min or model.context, ("models", name)  # the least that the planner may choose
        slot = context // model.parallel
        if name in targets and slot < _SMALLEST_SLOT:
            yield Finding(
                ((*place, "context"), (*place, "context_min"), (*place, "parallel")),
                f"rag needs at least {_SMALLEST_SLOT} tokens for each request; model {name!r} has {slot} "
                f"(context {context}, parallel {model.parallel})",
            )
        elif name in targets and rag.max_tokens >= slot:
            yield Finding(
                ((*_RAG, "max_tokens"), (*place, "context"), (*place, "context_min"), (*place, "parallel")),
                f"answers of rag.max_tokens ({rag.max_tokens}) leave no room for a question: model {name!r} has {slot} "
                f"tokens for each request (context {context}, parallel {model.parallel})",
            )


def _times(profile: Profile) -> Iterator[Finding]:
    retry, timeouts = profile.retry, profile.timeouts
    if retry.qdrant_min_wait > retry.qdrant_max_wait:
        yield Finding(
            (("retry", "qdrant_min_wait"), ("retry", "qdrant_max_wait")),
            f"qdrant_min_wait ({retry.qdrant_min_wait}) is more than qdrant_max_wait ({retry.qdrant_max_wait})",
        )
    if timeouts.connect > timeouts.request:
        yield Finding(
            (("timeouts", "connect"), ("timeouts", "request")),
            f"connect ({timeouts.connect}) is more than request ({timeouts.request})",
        )


_PARTS = (
    _sources,
    _layers,
    _kv,
    _freedoms,
    _gpu,
    _cards,
    _routes,
    _ports,
    _dependencies,
    _embedding,
    _rag,
    _times,
)
