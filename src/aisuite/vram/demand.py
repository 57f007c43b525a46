"""What a profile asks of a card, and the profile that a plan makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aisuite.errors import Problem, ProfileInvalid
from aisuite.profile.dependencies import takes_card
from aisuite.profile.model import Model, Source
from aisuite.vram.build import build_number
from aisuite.vram.model import ALL_LAYERS, Demand, LlamaBuild, ServerFlags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aisuite.profile.model import Images, Profile
    from aisuite.vram.model import ModelShape, Share, VramPlan

_UBATCH = 512  # llama-server's own


def planned_models(profile: Profile) -> tuple[str, ...]:
    """Return the models that take memory of a card. Demo models are too small to plan, and made at first use."""
    return tuple(name for name, model in profile.models.items() if takes_card(model, profile) and not model.source.demo)


def demands_of(profile: Profile, shapes: Mapping[str, ModelShape], name: str) -> tuple[Demand, ...]:
    """Return what each model of the profile, called `name`, needs. Raises ProfileInvalid for too many layers."""
    problems = tuple(_too_many_layers(profile, shapes, name))
    if problems:
        raise ProfileInvalid(problems, "aisuite plan   # with gpu_layers: auto it says how many fit")
    return tuple(_demand(model, profile.models[model], shape) for model, shape in shapes.items())


def demand_alone(name: str, shape: ModelShape) -> Demand:
    """Return what a model would need with the settings that a profile's model has when nothing is said."""
    return _demand(name, Model(source=Source(demo=True), gpu_layers="auto"), shape)


def settled(profile: Profile, plan: VramPlan | None) -> Profile:
    """Return the profile with a number wherever the plan has chosen one; nothing is left to be planned."""
    models = dict(profile.models)
    for share in plan.shares if plan else ():
        models[share.model] = answered(profile, share.model, chosen(share))
    for name, model in models.items():
        if model.gpu_layers == "auto" and model.source.demo:
            models[name] = model.model_copy(update={"gpu_layers": "all"})
    return profile.model_copy(update={"models": models})


def answered(profile: Profile, name: str, answer: Mapping[str, Any]) -> Model:
    """Return a model with a plan's answer wherever the profile leaves it open."""
    model = profile.models[name]
    asked = set(answer) if model.gpu_layers == "auto" else {"device"}
    if profile.gpu.devices is None:
        asked -= {"device"}
    return model.model_copy(update={key: value for key, value in answer.items() if key in asked})


def unplanned(profile: Profile) -> Profile:
    """Return the profile with all layers where a plan would choose: for what no layer changes, as files and images."""
    models = {
        name: model.model_copy(update={"gpu_layers": "all"}) if model.gpu_layers == "auto" else model
        for name, model in profile.models.items()
    }
    return profile.model_copy(update={"models": models})


def chosen(share: Share) -> dict[str, int | str]:
    """Return what a plan has chosen, by the keys of a profile's model."""
    flags = share.flags
    return {
        "gpu_layers": "all" if flags.gpu_layers > share.shape.layers else flags.gpu_layers,
        "context": flags.context,
        "parallel": flags.parallel,
        "kv_type": flags.kv_k,
        "device": share.card,
    }


def build_of_image(images: Images) -> LlamaBuild:
    """Return the llama.cpp build of the image for a card: as the profile says, or as its tag does."""
    if images.llama_build is not None:
        return LlamaBuild(images.llama_build, f"b{images.llama_build}")
    tag = images.llama_gpu.partition("@")[0]
    return LlamaBuild(build_number(tag), tag)


def _demand(name: str, model: Model, shape: ModelShape) -> Demand:
    encodes = model.serves != "chat"
    flags = ServerFlags(
        context=model.context,
        batch=model.logical_batch,
        ubatch=model.logical_batch if encodes else _UBATCH,
        embedding=encodes,
        parallel=model.parallel,
        gpu_layers=model.gpu_layers if isinstance(model.gpu_layers, int) else ALL_LAYERS,
        kv_k=model.kv_type,
        kv_v=model.kv_type,
        flash_attention=model.flash_attention,
    )
    if model.gpu_layers != "auto":
        return Demand(name, shape, flags, card=model.device)
    return Demand(
        name,
        shape,
        flags,
        layers_open=True,
        kv_choices=model.kv_types,
        context_floor=model.context_min,
        parallel_floor=model.parallel_min,
        card=model.device,
    )


def _too_many_layers(profile: Profile, shapes: Mapping[str, ModelShape], name: str) -> Iterator[Problem]:
    for model, shape in shapes.items():
        layers = profile.models[model].gpu_layers
        if isinstance(layers, int) and layers > shape.layers + 1:
            message = f"{layers} layers; the model has {shape.layers + 1}, its output counted: write all, or auto"
            yield Problem(name, None, f"models.{model}.gpu_layers", message)
