"""The model servers: one llama-server for each model of the profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.profile.dependencies import INFERENCE, takes_card
from aisuite.stack.containers import curl_check
from aisuite.stack.model import Card, ModelFile, Mount, Role, SecretUse, Service
from aisuite.stack.numerals import decimal
from aisuite.stack.places import MODELS_IN_CONTAINER, SERVICE_KEY
from aisuite.vram.build import TRACE_LEVEL, TRACE_SINCE, build_number

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.profile.model import Model, Profile
    from aisuite.stack.places import Places

# Every flag on the command line of a model server. A llama-server that does not know them all is not used.
LLAMA_FLAGS: frozenset[str] = frozenset(
    {
        "--alias",
        "--api-key-file",
        "--cache-ram",
        "--cont-batching",
        "--fit",
        "--host",
        "--jinja",
        "--metrics",
        "--no-webui",
        "--port",
        "--repeat-penalty",
        "--temp",
        "--threads-http",
        "--top-p",
        "-b",
        "-c",
        "-ctk",
        "-ctv",
        "-fa",
        "-lv",
        "-m",
        "-ngl",
        "-np",
        "-t",
    }
)
# What those that serve embedding or rerank are told besides; every llama-server of these years knows them.
_ENCODER_FLAGS = {"embedding": "--embedding", "rerank": "--rerank"}
_ALL_LAYERS = 999  # more than any model has
_NO_CARD = "-1"
_PROMPT_CACHE = 512  # MiB of RAM for finished prompts; llama-server's own default is 8192 for each server
# Each connection takes one for as long as it is kept. llama-server starts a handful, and more only when it sees all of
# them busy, which it misses in a burst: the rest of it waits behind idle connections then, and its health with it.
_CONNECTION_THREADS = 128
_SENTENCE = "Hello! I am a tiny demo model and always answer with this one sentence, from {service}."


def inference_service(name: str, profile: Profile, places: Places) -> Service:
    """Return the server of the model `name`."""
    model, service = profile.models[name], f"{INFERENCE}{name}"
    program = () if places.containers else places.site.llama_server
    return Service(
        name=service,
        role=Role.INFERENCE,
        command=(*program, *_flags(name, profile, places)),
        environment=() if places.containers else _visible_card(model, profile),
        secrets=(SecretUse(SERVICE_KEY, variable=None, as_file=True),),
        config_files=(),
        listen=places.listen(service),
        published=places.published(service),
        depends_on=(),
        live_path="/health",
        ready_path="/health",
        deadline=model.deadline,
        image=_image(model, profile) if places.containers else None,
        mounts=_mounts(model, places),
        cpus=places.cpu_limit(model.cpus or _threads(model, profile, places) + 1),
        memory=places.memory_limit(model.memory),
        gpu=profile.gpu.backend == "cuda" and takes_card(model, profile),
        card=_card(model, profile, places),
        user=places.user,
        healthcheck=_healthcheck(service, profile, places),
    )


def _healthcheck(service: str, profile: Profile, places: Places) -> tuple[str, ...]:
    if not places.containers:
        return ()
    # Of itself: it answers from another thread, however long a prompt takes.
    return curl_check(places.inside(service), "/health", end_when_hung=profile.restart_when_hung)


def model_file(name: str, profile: Profile, places: Places) -> ModelFile:
    """Return the file that the server of the model `name` needs on this machine."""
    source, service = profile.models[name].source, f"{INFERENCE}{name}"
    path = _file_on_host(name, profile.models[name], places)
    return ModelFile(
        model=name,
        service=service,
        path=path,
        repo=source.repo,
        file=path.name,
        revision=source.revision,
        sha256=source.sha256,
        demo_sentence=_SENTENCE.format(service=service) if source.demo else None,
    )


def _flags(name: str, profile: Profile, places: Places) -> tuple[str, ...]:
    """Return llama-server's own flags, each with an explicit value: what is unset, the server would choose itself."""
    model, listen = profile.models[name], places.listen(f"{INFERENCE}{name}")
    sampling = model.sampling
    valued = {
        "-m": _file_as_served(name, model, places),
        "--alias": name,
        "--host": listen.host,
        "--port": listen.port,
        "-c": model.context,
        "-b": model.logical_batch,
        "-np": model.parallel,
        "-t": _threads(model, profile, places),
        "-ngl": _gpu_layers(model, profile),
        "-ctk": model.kv_type,
        "-ctv": model.kv_type,
        "-fa": model.flash_attention,
        "--fit": "off",
        "--cache-ram": _PROMPT_CACHE,
        "--threads-http": _CONNECTION_THREADS,
        "--temp": decimal(sampling.temperature),
        "--top-p": decimal(sampling.top_p),
        "--repeat-penalty": decimal(sampling.repeat_penalty),
        "--api-key-file": places.secret(SERVICE_KEY),
    }
    pairs = (word for flag, value in valued.items() for word in (flag, str(value)))
    return (
        *pairs,
        "--cont-batching",
        "--metrics",
        "--jinja",
        "--no-webui",
        *_encoding(model),
        *_verbosity(model, profile, places),
    )


def _encoding(model: Model) -> tuple[str, ...]:
    """Return what makes a server give vectors or scores: it must see the whole of a text in one physical batch."""
    if model.serves == "chat":
        return ()
    pooling = () if model.pooling is None else ("--pooling", model.pooling)
    return (_ENCODER_FLAGS[model.serves], *pooling, "-ub", str(model.logical_batch))


def _verbosity(model: Model, profile: Profile, places: Places) -> tuple[str, ...]:
    """Ask for the lines about memory, unless a server so old would show prompts in its log with them."""
    images = profile.images
    number = images.llama_build or build_number(_image(model, profile).partition("@")[0])
    build = number if places.containers else places.site.llama_build
    return ("-lv", str(TRACE_LEVEL)) if build is not None and build >= TRACE_SINCE else ()


def _threads(model: Model, profile: Profile, places: Places) -> int:
    """Divide the cores between the servers: threads of llama.cpp spin, and one too many stops them all."""
    if model.threads != "auto":
        return model.threads
    share = max(1, (places.site.cpus - 1) // len(profile.models))
    limit = places.cpu_limit(model.cpus)
    return share if limit is None else min(share, max(1, int(limit)))


def _gpu_layers(model: Model, profile: Profile) -> int:
    if profile.gpu.backend == "cpu":
        return 0
    return model.gpu_layers if isinstance(model.gpu_layers, int) else _ALL_LAYERS


def card_of(model: Model, profile: Profile) -> int:
    """Return the index of the card of a model."""
    if model.device is not None:
        return model.device
    return profile.gpu.devices[0] if isinstance(profile.gpu.devices, tuple) else profile.gpu.device


def _visible_card(model: Model, profile: Profile) -> tuple[tuple[str, str], ...]:
    """Return what shows a local process one card only; containers get theirs from the engine."""
    if profile.gpu.backend != "cuda":
        return ()
    shown = str(card_of(model, profile)) if takes_card(model, profile) else _NO_CARD
    # Without the order, CUDA counts the fastest card first, not as nvidia-smi does.
    return (("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), ("CUDA_VISIBLE_DEVICES", shown))


def _card(model: Model, profile: Profile, places: Places) -> Card:
    index, wanted = card_of(model, profile), profile.gpu.cdi
    name = f"nvidia.com/gpu={index}"
    by_name = name in places.site.cdi_devices if wanted == "auto" else wanted
    return Card("cdi", name) if by_name else Card("nvidia", str(index))


def _image(model: Model, profile: Profile) -> str:
    return profile.images.llama_gpu if takes_card(model, profile) else profile.images.llama


def _mounts(model: Model, places: Places) -> tuple[Mount, ...]:
    if not places.containers:
        return ()
    return (Mount(str(_folder_on_host(model, places)), MODELS_IN_CONTAINER, read_only=True),)


def _folder_on_host(model: Model, places: Places) -> Path:
    return places.data / "demo-models" if model.source.demo else places.models


def _file_on_host(name: str, model: Model, places: Places) -> Path:
    # A source has a file or is a demo: the profile's check sees to it.
    file = f"demo-{name}.gguf" if model.source.demo else str(model.source.file)
    return _folder_on_host(model, places) / file


def _file_as_served(name: str, model: Model, places: Places) -> str:
    path = _file_on_host(name, model, places)
    return f"{MODELS_IN_CONTAINER}/{path.name}" if places.containers else str(path)
