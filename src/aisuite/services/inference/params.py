"""Turn a command line into the parameters of the wheel's server."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from aisuite.services.inference.flags import FlagInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.services.inference.flags import Value

_AUTOMATIC, _AUTOMATIC_SLOTS = -1, 4
# Where the wheel starts elsewhere than llama-server: there, no -np means automatic (4 slots, one cache).
_LLAMA_SERVER_DEFAULTS: dict[str, Value] = {"n_parallel": _AUTOMATIC}
_ENUMS = {
    "cache_type_k": ("ggml_type", "GGML_TYPE_"),
    "cache_type_v": ("ggml_type", "GGML_TYPE_"),
    "flash_attn_type": ("llama_flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_"),
    "pooling_type": ("llama_pooling_type", "LLAMA_POOLING_TYPE_"),
}
_FLASH_ATTENTION = {"on": "ENABLED", "off": "DISABLED", "auto": "AUTO"}
_SEED_MASK = 2**32 - 1  # -1, a random seed, is the largest unsigned number


def build_params(library: ModuleType, settings: Mapping[str, Value], api_keys: tuple[str, ...]) -> Any:
    """Return the `CommonParams` of `library` (xllamacpp) for `settings`.

    Raises FlagInvalid for a setting that this version of the library does not have.
    """
    params = library.CommonParams()
    complete = _LLAMA_SERVER_DEFAULTS | _complete(settings)
    _check_batch(complete)
    try:
        for name, value in complete.items():
            _assign(params, name, _translate(library, name, value))
            _mark_sampling(library, params, name)
        params.api_keys = list(api_keys)
    except AttributeError as err:
        raise FlagInvalid(f"this xllamacpp ({library.__version__}) cannot express it: {err}") from err
    return params


def _complete(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Spell out what llama-server's parser does beside the flag itself."""
    complete = dict(settings)
    threads = "cpuparams.n_threads"
    if threads in complete:
        complete.setdefault("cpuparams_batch.n_threads", complete[threads])
    if complete.pop("rerank", False):
        complete |= {"embedding": True, "pooling_type": "rank"}
    return complete


def _check_batch(settings: Mapping[str, Value]) -> None:
    """Refuse what llama.cpp answers with an abort: in one step each slot must have room for a token."""
    slots = _AUTOMATIC_SLOTS if settings["n_parallel"] == _AUTOMATIC else int(settings["n_parallel"])
    if "n_batch" in settings and int(settings["n_batch"]) < slots:
        raise FlagInvalid(f"--batch-size must be at least {slots}, the number of slots (--parallel)")


def _translate(library: ModuleType, name: str, value: Value) -> Any:
    if name in _ENUMS:
        enum, prefix = _ENUMS[name]
        text = _FLASH_ATTENTION.get(str(value), str(value).upper())
        return getattr(getattr(library, enum), prefix + text)
    if name == "model_alias":
        return {alias.strip() for alias in str(value).split(",")}
    if name == "hostnames":
        return [host.strip() for host in str(value).split(",")]
    if name == "sampling.seed":
        return int(value) & _SEED_MASK
    return value


def _assign(params: Any, name: str, value: Any) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(getattr(params, owner) if owner else params, attribute, value)


def _mark_sampling(library: ModuleType, params: Any, name: str) -> None:
    """Say that the owner chose this sampler setting: else the model file's own recommendation wins."""
    group, _, setting = name.partition(".")
    if group != "sampling":
        return
    marks = library.common_params_sampling_config
    mark = getattr(marks, f"COMMON_PARAMS_SAMPLING_CONFIG_{setting.upper()}", None)
    if mark is not None:
        params.sampling.user_sampling_config |= int(mark)
