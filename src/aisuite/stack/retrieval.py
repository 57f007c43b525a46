"""The services around retrieval: the vector store, the embedding service and RAG."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from aisuite.profile.dependencies import EMBEDDING, GATEWAY, INFERENCE, embedding_backend
from aisuite.stack.containers import entrypoint_for, listening_check, python_check
from aisuite.stack.image_lock import with_fastembed
from aisuite.stack.inference import model_file
from aisuite.stack.model import Mount, Role, SecretUse, Service, State
from aisuite.stack.numerals import decimal
from aisuite.stack.onnx import onnx_folder
from aisuite.stack.places import DATA_IN_CONTAINER, GATEWAY_KEY, SERVICE_KEY, container_port

if TYPE_CHECKING:
    from aisuite.profile.model import Profile
    from aisuite.profile.services import Service as Settings
    from aisuite.stack.places import Places

QDRANT = "qdrant"
RAG = "rag"
_MODULES = {QDRANT: "vectordb"}  # where the name differs: ours is not Qdrant
_DOCUMENTS_IN_CONTAINER = "/documents"
_MODEL_IN_CONTAINER = "/model"
_INNER_SHARE = 0.8  # of the time that RAG waits: then the reason is told by who knows it


def embedding_service(profile: Profile, places: Places) -> Service:
    """Return the embedding service."""
    settings, backend = profile.services.embedding, embedding_backend(profile)
    environment = {
        "EMBEDDING_BACKEND": backend,
        "EMBEDDING_MODEL": settings.model,
        "EMBEDDING_MAX_TEXTS": str(settings.max_texts),
        "EMBEDDING_MAX_CHARS": str(settings.max_chars),
        "EMBEDDING_BATCH": str(settings.batch),
        "EMBEDDING_QUEUE": str(settings.queue),
    }
    prefixes = {"EMBEDDING_QUERY_PREFIX": settings.query_prefix, "EMBEDDING_PASSAGE_PREFIX": settings.passage_prefix}
    environment |= {variable: prefix for variable, prefix in prefixes.items() if prefix is not None}
    service = _our_service(EMBEDDING, Role.EMBEDDING, settings, environment, places)
    if backend == "llamacpp":
        service = _asking_llama(service, profile, places)
    elif backend == "fastembed":
        service = _reading_onnx(service, profile, places)
    # It needs nobody, so its container is well when it is ready: others wait for a loaded model.
    service = _in_our_image(service, "/health", profile, places)
    if backend == "fastembed" and service.image is not None:
        service = replace(service, image=with_fastembed(service.image))
    return service


def _asking_llama(service: Service, profile: Profile, places: Places) -> Service:
    """Tell the embedding service of the model server that it asks."""
    name = profile.services.embedding.model
    more = {
        # Vectors are stored under this name: it must tell one file from another.
        "EMBEDDING_MODEL": PurePath(model_file(name, profile, places).file).stem,
        "EMBEDDING_LLAMA_URL": places.url(f"{INFERENCE}{name}"),
        "EMBEDDING_LLAMA_KEY_FILE": places.secret(SERVICE_KEY),
        "EMBEDDING_LLAMA_TIMEOUT": decimal(profile.timeouts.embedding * _INNER_SHARE),
    }
    return _with_environment(service, more)


def _reading_onnx(service: Service, profile: Profile, places: Places) -> Service:
    """Give the embedding service its model's folder, or one that keeps what is downloaded."""
    settings, folder = profile.services.embedding, onnx_folder(profile, places)
    data = str(places.data / EMBEDDING)
    more = {"EMBEDDING_DOWNLOAD": str(settings.download).lower()}
    mounts: tuple[Mount, ...] = ()
    if folder is not None:
        more["EMBEDDING_MODEL_PATH"] = _MODEL_IN_CONTAINER if places.containers else str(folder)
        mounts = (Mount(str(folder), _MODEL_IN_CONTAINER),)
    else:
        more["EMBEDDING_CACHE_DIR"] = DATA_IN_CONTAINER if places.containers else data
        mounts = (Mount(data, DATA_IN_CONTAINER, read_only=False),)
        service = replace(service, data=data)
    if settings.pooling is not None:
        more["EMBEDDING_POOLING"] = settings.pooling
    if settings.threads is not None:
        more["EMBEDDING_THREADS"] = str(settings.threads)
    return replace(_with_environment(service, more), mounts=mounts if places.containers else ())


def _with_environment(service: Service, more: dict[str, str]) -> Service:
    return replace(service, environment=tuple(sorted((dict(service.environment) | more).items())))


def rag_service(profile: Profile, places: Places) -> Service:
    """Return the RAG service."""
    settings, timeouts, retry = profile.services.rag, profile.timeouts, profile.retry
    environment = {
        "API_GATEWAY_URL": places.url(GATEWAY),
        "API_GATEWAY_CHAT_MODEL": settings.chat_model,
        "API_GATEWAY_CODE_MODEL": settings.code_model,
        "EMBEDDING_URL": places.url(EMBEDDING),
        "EMBEDDING_TIMEOUT": decimal(timeouts.embedding),
        "QDRANT_URL": places.url(QDRANT),
        "QDRANT_TIMEOUT": decimal(timeouts.qdrant),
        "QDRANT_MAX_RETRIES": str(retry.qdrant_attempts),
        "QDRANT_RETRY_MIN_WAIT": decimal(retry.qdrant_min_wait),
        "QDRANT_RETRY_MAX_WAIT": decimal(retry.qdrant_max_wait),
        "RAG_CHUNK_SIZE": str(settings.chunk_size),
        "RAG_CHUNK_OVERLAP": str(settings.chunk_overlap),
        "RAG_CONTEXT_TOKENS": str(_context_tokens(profile)),
        "RAG_LLM_MAX_TOKENS": str(settings.max_tokens),
        "RAG_LLM_TEMPERATURE": decimal(settings.temperature),
        "RAG_LLM_TIMEOUT": decimal(timeouts.rag_request),
        "RAG_TOPK": str(settings.topk),
    }
    thresholds = {"RAG_MIN_SCORE": settings.min_score, "RAG_MIN_SUPPORT": settings.min_support}
    environment |= {variable: decimal(least) for variable, least in thresholds.items() if least is not None}
    environment |= _first_servers(profile, places)
    if settings.reranker is not None:
        environment["RERANKER_URL"] = places.url(f"{INFERENCE}{settings.reranker}")
    data = str(places.data / RAG)
    mounts = [Mount(data, DATA_IN_CONTAINER, read_only=False)]
    environment["RAG_DATA_DIR"] = DATA_IN_CONTAINER if places.containers else data
    if settings.documents is not None:
        folder = str(places.site.working_dir / settings.documents)
        environment["RAG_DOCUMENTS_DIR"] = _DOCUMENTS_IN_CONTAINER if places.containers else folder
        mounts.append(Mount(folder, _DOCUMENTS_IN_CONTAINER))
    service = replace(
        _our_service(RAG, Role.RAG, settings, environment, places),
        mounts=tuple(mounts) if places.containers else (),
        data=data,
        state=State(
            databases=(str(places.data / RAG / "rag.db"),),
            maintenance_path="/maintenance",
            reconcile_path="/reconcile",
        ),
    )
    secrets = (*service.secrets, SecretUse(GATEWAY_KEY, "API_GATEWAY_KEY_FILE", as_file=True))
    # Its readiness is that of its dependencies; a container is sick only when it is itself sick.
    return _in_our_image(replace(service, secrets=secrets), "/livez", profile, places)


def _first_servers(profile: Profile, places: Places) -> dict[str, str]:
    """Return where RAG asks for the contexts that its models really have: the first server of each of its routes."""
    settings = profile.services.rag
    routes = {"INFERENCE_CHAT_URL": settings.chat_model, "INFERENCE_CODE_URL": settings.code_model}
    models = {variable: profile.routes.get(route, ()) for variable, route in routes.items()}
    return {variable: places.url(f"{INFERENCE}{first[0]}") for variable, first in models.items() if first}


def qdrant_service(profile: Profile, places: Places) -> Service:
    """Return the vector store: Qdrant in a container, our own server for its REST API as a local process."""
    data = str(places.data / QDRANT)
    service = _our_service(QDRANT, Role.VECTORDB, profile.services.qdrant, {"VECTORDB_DATA_DIR": data}, places)
    service = replace(service, ready_path="/readyz", state=State(vectors=True))
    return _in_qdrants_image(service, profile) if places.containers else replace(service, data=data)


def _our_service(name: str, role: Role, settings: Settings, environment: dict[str, str], places: Places) -> Service:
    """Return one of `aisuite.services` with what they have in common."""
    listen = places.listen(name)
    python = ("python",) if places.containers else places.site.python
    address = {"SERVICE_HOST": listen.host, "SERVICE_PORT": str(listen.port)}
    return Service(
        name=name,
        role=role,
        command=(*python, "-m", f"aisuite.services.{_MODULES.get(name, name)}"),
        environment=tuple(sorted((address | environment).items())),
        secrets=(SecretUse(SERVICE_KEY, "SERVICE_API_KEY_FILE", as_file=True),),
        config_files=(),
        listen=listen,
        published=places.published(name),
        depends_on=(),
        live_path="/livez",
        ready_path="/health",
        deadline=settings.deadline,
        cpus=places.cpu_limit(settings.cpus),
        memory=places.memory_limit(settings.memory),
    )


def _in_our_image(service: Service, health_path: str, profile: Profile, places: Places) -> Service:
    if not places.containers:
        return service
    health = python_check(places.inside(service.name), health_path, end_when_hung=profile.restart_when_hung)
    return replace(service, image=profile.images.service, user=places.user, healthcheck=health)


def _in_qdrants_image(service: Service, profile: Profile) -> Service:
    secrets = (SecretUse(SERVICE_KEY, "QDRANT__SERVICE__API_KEY", as_file=False),)
    environment = {
        "QDRANT_INIT_FILE_PATH": "/tmp/.qdrant-initialized",  # noqa: S108  its own folder is read-only
        "QDRANT__SERVICE__HTTP_PORT": str(service.listen.port),
        "QDRANT__TELEMETRY_DISABLED": "true",
    }
    return replace(
        service,
        command=("./entrypoint.sh",),
        environment=tuple(sorted(environment.items())),
        secrets=secrets,
        image=profile.images.qdrant,
        entrypoint=entrypoint_for(secrets),
        volumes=(
            Mount("qdrant-storage", "/qdrant/storage", read_only=False),
            Mount("qdrant-snapshots", "/qdrant/snapshots", read_only=False),
        ),
        # Its image runs as root, owner of its volumes; the key's file belongs to the project's owner.
        capabilities=("DAC_OVERRIDE",),
        healthcheck=listening_check(container_port(QDRANT)),
    )


def _context_tokens(profile: Profile) -> int:
    """Return what a prompt with its answer may take, whichever server behind RAG's routes gets it."""
    settings = profile.services.rag
    models = {*profile.routes.get(settings.chat_model, ()), *profile.routes.get(settings.code_model, ())}
    slots = [profile.models[name].context // profile.models[name].parallel for name in models or profile.models]
    return min(slots)
