"""Feed damaged headers to the GGUF reader until it does anything but read or refuse.

    make fuzz                              # one minute
    python tests/fuzz/fuzz_gguf.py -max_total_time=600 CORPUS_FOLDER

Needs atheris (Python 3.11 to 3.13 on Linux), which is no dependency of the project.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["aisuite.vram"]):
    from aisuite.vram.gguf import Header, joined, parse_header
    from aisuite.vram.gguf_cursor import GgufInvalid
    from aisuite.vram.shape import NotPlannable, shape_of

from tests.fakes.gguf_writer import reader, transformer

LARGEST_INPUT = 2**16


def check(content: bytes) -> None:
    """Read a header, from a whole file and from one that claims to be longer; make sense of it, or refuse it."""
    for size in (len(content), len(content) + 2**24):
        with suppress(GgufInvalid, NotPlannable):
            header = parse_header(reader(content), size)
            check_places(header)
            shape = shape_of(joined([header]))
            assert len(shape.heads) == len(shape.windowed) == shape.layers
            assert min(*shape.heads, *shape.kv_heads, shape.key_length, shape.vocabulary) > 0


def check_places(header: Header) -> None:
    """All data lies in the file, in order."""
    end = header.data_offset
    for tensor in header.tensors:
        assert header.data_offset + tensor.offset >= end
        end = header.data_offset + tensor.offset + tensor.bytes
        assert end <= header.file_bytes


def seeds(folder: Path) -> None:
    """Begin with what is true: libFuzzer finds the lies."""
    folder.mkdir(parents=True, exist_ok=True)
    for architecture in ("llama", "gemma3", "qwen3moe", "phi3", "newmodel"):
        windows = {"attention.sliding_window": 64, "attention.sliding_window_pattern": [True, False]}
        model = transformer(architecture, **windows, expert_count=4, expert_used_count=2)
        (folder / architecture).write_bytes(model.header())


def main() -> None:
    """Hand over to libFuzzer; the last argument is the folder of the corpus."""
    arguments = sys.argv if len(sys.argv) > 1 and not sys.argv[-1].startswith("-") else [*sys.argv, "build/fuzz/gguf"]
    seeds(Path(arguments[-1]))
    atheris.Setup([arguments[0], f"-max_len={LARGEST_INPUT}", *arguments[1:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
