"""Models, images and cards, as the checks want to see them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from aisuite.errors import AisuiteError, ModelBroken, ModelMissing
from aisuite.ops.image_lock import find_exact
from aisuite.ops.images import list_images, needed_images
from aisuite.ops.model_files import is_here
from aisuite.preflight.gpu import cards_of
from aisuite.preflight.snapshot import Card, Digest, Gpu, Image, Model
from aisuite.vram.gguf import part_names
from aisuite.vram.gguf_cursor import GgufInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.ops.gather_facts import FactDoors, FactRequest
    from aisuite.ops.images import ImageRow
    from aisuite.ports import Images
    from aisuite.ports.facts import EngineFacts
    from aisuite.stack.model import ModelFile
    from aisuite.vram.model import VramPlan

_MIB = 2**20
_AT_ONCE = 4


def look_at_models(request: FactRequest, doors: FactDoors) -> tuple[Model, ...]:
    """Look at every model file, and read its header."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(partial(_model, request=request, doors=doors), request.stack.models))


def _model(file: ModelFile, request: FactRequest, doors: FactDoors) -> Model:
    if file.demo_sentence is not None:
        return Model(file.model, file.path, made_here=True)
    if file.path.suffix != ".gguf":
        return Model(file.model, file.path, file.repo, bytes=file.path.stat().st_size if is_here(file.path) else None)
    try:
        parts = [file.path.with_name(name) for name in part_names(file.path.name)]
    except GgufInvalid as err:
        return Model(file.model, file.path, file.repo, bytes=0, header=f"{file.path}: {err}")
    here = [one for one in parts if is_here(one)]
    missing = tuple(one.name for one in parts if one not in here)
    size = sum(one.stat().st_size for one in here) if here else None
    whole = bool(here) and not missing
    return Model(
        model=file.model,
        path=file.path,
        repo=file.repo,
        bytes=size,
        missing=missing if here else (),
        header=_header_fault(file.path, doors) if whole else "",
        afar=_afar(file, doors) if missing and request.online and file.repo else None,
    )


def _header_fault(path: Path, doors: FactDoors) -> str:
    try:
        doors.files.shape(path)
    except (ModelBroken, ModelMissing) as err:
        return err.message
    return ""


def look_at_digests(request: FactRequest, doors: FactDoors) -> tuple[Digest, ...]:
    """Read every file that the profile names a digest of, as far as it is here."""
    return tuple(
        Digest(one.path, _digest(one.path, doors), one.sha256)
        for one in request.stack.models
        if one.sha256 is not None and is_here(one.path)
    )


def _digest(path: Path, doors: FactDoors) -> str:
    try:
        return doors.machine.digest(path)
    except ModelBroken as err:
        return f"not readable ({err.message})"


def _afar(file: ModelFile, doors: FactDoors) -> str:
    try:
        doors.files.remote_shape(f"hf:{file.repo}/{file.file}@{file.revision}")
    except AisuiteError as err:
        return err.message
    return ""


def look_at_images(request: FactRequest, doors: FactDoors) -> tuple[Image, ...]:
    """Look at every image that the stack needs; empty for local processes, and where no engine answers."""
    images, engine = doors.images, doors.container_engine
    if images is None or engine is None:
        return ()
    try:
        rows = list_images(needed_images(request.stack), images, request.lock).images
        return tuple(_image(row, images, engine, request) for row in rows)
    except AisuiteError:  # another check says that the engine does not answer
        return ()


def _image(row: ImageRow, images: Images, engine: EngineFacts, request: FactRequest) -> Image:
    present = row.state == "present"
    on_card = any(request.stack.service(name).gpu for name in row.services)
    ask = request.online and not present and not row.built
    return Image(
        reference=row.reference,
        services=row.services,
        built=row.built,
        present=present,
        locked=row.pinned is not None,
        differs=present and find_exact(images, row.reference, request.lock) is None,
        cuda=engine.oldest_cuda(row.reference) if present and on_card else None,
        afar=engine.afar(row.reference) if ask else None,
    )


def look_at_gpu(request: FactRequest, doors: FactDoors) -> Gpu:
    """Look at the cards where the stack wants some, and take a little memory of each of those."""
    wanted, gpu = cards_of(request.stack), doors.deps.gpu
    if not wanted:
        return Gpu()
    try:
        devices, driver = gpu.devices(), gpu.driver()
    except AisuiteError as err:
        return Gpu(fault=err.message, cpu_only=request.cpu_only)
    here = sorted(wanted & {one.index for one in devices})
    return Gpu(
        cards=tuple((one.index, one.name) for one in devices),
        driver=driver.version if driver else "",
        cuda=driver.cuda if driver else None,
        fault="" if devices else gpu.why_none(),
        allocated=tuple((index, doors.machine.allocate(index)) for index in here),
        cpu_only=request.cpu_only,
        elsewhere=gpu.elsewhere() or "",
    )


def look_at_card(request: FactRequest, doors: FactDoors) -> Card:
    """Plan the card's memory, once all model files are here: their own checks say what is wrong with them."""
    if not all(is_here(one.path) for one in request.stack.models if one.demo_sentence is None):
        return Card()
    try:
        plan = doors.plan_card()
    except (ModelMissing, ModelBroken):
        return Card()
    except AisuiteError as err:
        return Card(fault=err.message, fix=err.hint)
    return Card() if plan is None else _card(plan)


def _card(plan: VramPlan) -> Card:
    layers = ", ".join(f"{one.model} {one.layers} of {one.shape.layers} layers" for one in plan.shares)
    used = f"{plan.used // _MIB} of {plan.limit // _MIB} MiB"
    in_ram = tuple((one.model, one.memory.host.total) for one in plan.shares)
    return Card(plan.verdict.value, f"{used}: {layers}", plan.reasons, plan.remedy, in_ram)
