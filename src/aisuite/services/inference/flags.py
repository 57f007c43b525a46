"""Read llama-server's command line, as strictly as llama-server does: exact names, nothing ignored."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Value = str | int | float | bool
MAX_PORT = 65535
MAX_INT = 2**31 - 1
_CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")


class FlagInvalid(Exception):
    """The command line cannot be meant; the text names the flag."""


@dataclass(frozen=True)
class Flag:
    """One llama-server flag: its names, its value (a switch has none) and the setting it makes."""

    names: tuple[str, ...]
    setting: str
    metavar: str = ""
    read: Callable[[str], Value] = str
    switch_to: bool = True  # what a flag without a value sets

    @property
    def is_switch(self) -> bool:
        return not self.metavar


@dataclass(frozen=True)
class CommandLine:
    """What a command line asks for: settings in the order given, and where the keys are."""

    settings: dict[str, Value]
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    api_key_files: tuple[Path, ...] = ()
    wants_help: bool = False
    wants_version: bool = False


def parse_command_line(argv: Sequence[str]) -> CommandLine:
    """Read `argv`; a flag given twice keeps its last value, as in llama-server. Raises FlagInvalid."""
    settings: dict[str, Value] = {}
    keys: list[str] = []
    key_files: list[Path] = []
    words = iter(argv)
    for word in words:
        flag = FLAGS.get(word)
        if flag is None:
            raise FlagInvalid(f"unknown flag {word!r}; --help lists those that this server takes")
        value = flag.switch_to if flag.is_switch else _read_value(flag, word, next(words, None))
        if flag.setting == "api_key":
            keys += str(value).split(",")
        elif flag.setting == "api_key_file":
            key_files.append(Path(str(value)))
        else:
            settings[flag.setting] = value
    wants_help = settings.pop("help", False) is True
    wants_version = settings.pop("version", False) is True
    return CommandLine(settings, tuple(keys), tuple(key_files), wants_help, wants_version)


def describe_flags() -> str:
    """Return the text of --help: every name that `parse_command_line` takes."""
    rows = ["usage: python -m aisuite.services.inference -m MODEL --port PORT [flags of llama-server]", ""]
    rows += [f"{', '.join(flag.names)} {flag.metavar}".rstrip() for flag in _TABLE]
    return "\n".join(rows)


def _read_value(flag: Flag, word: str, text: str | None) -> Value:
    if text is None or text == "":
        raise FlagInvalid(f"{word} needs a value: {flag.metavar}")
    try:
        return flag.read(text)
    except ValueError as err:
        raise FlagInvalid(f"{word} cannot be {text!r}: {err}") from err


def _whole(least: int, most: int = MAX_INT) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError(f"it must be from {least} to {most}")
        return number

    return read


def _whole_or(special: int, least: int, most: int = MAX_INT) -> Callable[[str], int]:
    """Read a number, or the one that leaves the choice to the server; between them llama.cpp aborts or hangs."""

    def read(text: str) -> int:
        number = int(text)
        if number != special and not least <= number <= most:
            raise ValueError(f"it must be {special}, or from {least} to {most}")
        return number

    return read


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = float(text)
        if not least <= number <= most:  # also refuses nan
            raise ValueError(f"it must be from {least:g} to {most:g}")
        return number

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"it must be one of {', '.join(words)}")
        return text

    return read


def _on_off(text: str) -> bool:
    return _one_of("on", "off")(text) == "on"


def _gpu_layers(text: str) -> int:
    special = {"auto": -1, "all": -2}  # llama.cpp's own signs
    return special[text] if text in special else _whole(0)(text)


_TABLE = (
    Flag(("-h", "--help", "--usage"), "help"),
    Flag(("--version",), "version"),
    Flag(("-m", "--model"), "model.path", "FILE"),
    Flag(("-a", "--alias"), "model_alias", "NAME[,NAME...]"),
    Flag(("--host",), "hostnames", "HOST[,HOST...]"),
    Flag(("--port",), "port", "N", _whole(1, MAX_PORT)),
    Flag(("-c", "--ctx-size"), "n_ctx", "N", _whole_or(0, 2)),
    Flag(("-np", "--parallel"), "n_parallel", "N", _whole_or(-1, 1, 256)),
    Flag(("-ngl", "--gpu-layers", "--n-gpu-layers"), "n_gpu_layers", "N|all|auto", _gpu_layers),
    Flag(("-t", "--threads"), "cpuparams.n_threads", "N", _whole_or(-1, 1, 512)),
    Flag(("-tb", "--threads-batch"), "cpuparams_batch.n_threads", "N", _whole_or(-1, 1, 512)),
    Flag(("--threads-http",), "n_threads_http", "N", _whole_or(-1, 1, 512)),
    Flag(("-b", "--batch-size"), "n_batch", "N", _whole(2)),
    Flag(("-ub", "--ubatch-size"), "n_ubatch", "N", _whole(1)),
    Flag(("-ctk", "--cache-type-k"), "cache_type_k", "TYPE", _one_of(*_CACHE_TYPES)),
    Flag(("-ctv", "--cache-type-v"), "cache_type_v", "TYPE", _one_of(*_CACHE_TYPES)),
    Flag(("-cram", "--cache-ram"), "cache_ram_mib", "MIB", _whole(-1)),
    Flag(("-cb", "--cont-batching"), "cont_batching"),
    Flag(("-nocb", "--no-cont-batching"), "cont_batching", switch_to=False),
    Flag(("-kvu", "--kv-unified"), "kv_unified"),
    Flag(("-no-kvu", "--no-kv-unified"), "kv_unified", switch_to=False),
    Flag(("-fa", "--flash-attn"), "flash_attn_type", "on|off|auto", _one_of("on", "off", "auto")),
    Flag(("-fit", "--fit"), "fit_params", "on|off", _on_off),
    Flag(("--temp", "--temperature"), "sampling.temp", "N", _number(0, 100)),
    Flag(("--top-k",), "sampling.top_k", "N", _whole(0)),
    Flag(("--top-p",), "sampling.top_p", "N", _number(0, 1)),
    Flag(("--min-p",), "sampling.min_p", "N", _number(0, 1)),
    Flag(("--repeat-penalty",), "sampling.penalty_repeat", "N", _number(0, 100)),
    Flag(("-s", "--seed"), "sampling.seed", "N", _whole(-1, 2**32 - 1)),
    Flag(("--metrics",), "endpoint_metrics"),
    Flag(("--props",), "endpoint_props"),
    Flag(("--slots",), "endpoint_slots"),
    Flag(("--no-slots",), "endpoint_slots", switch_to=False),
    Flag(("--embedding", "--embeddings"), "embedding"),
    Flag(("--rerank", "--reranking"), "rerank"),
    Flag(("--pooling",), "pooling_type", "TYPE", _one_of("none", "mean", "cls", "last", "rank")),
    Flag(("--api-key",), "api_key", "KEY[,KEY...]"),
    Flag(("--api-key-file",), "api_key_file", "FILE"),
    Flag(("--jinja",), "use_jinja"),
    Flag(("--no-jinja",), "use_jinja", switch_to=False),
    Flag(("--chat-template",), "chat_template", "TEMPLATE"),
    Flag(("--ui", "--webui"), "ui"),
    Flag(("--no-ui", "--no-webui"), "ui", switch_to=False),
    Flag(("--warmup",), "warmup"),
    Flag(("--no-warmup",), "warmup", switch_to=False),
    Flag(("-lv", "--verbosity", "--log-verbosity"), "verbosity", "N", _whole(0)),
)
FLAGS = {name: flag for flag in _TABLE for name in flag.names}
