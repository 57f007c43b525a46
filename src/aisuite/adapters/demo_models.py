"""Write the demo models: tiny llamas that say one fixed sentence, from weights computed here.

Attention and feed-forward are zero, so what reaches the output layer is the last token's own
embedding. Every piece of the sentence owns one axis and all other tokens share axis 0, so the output
matrix is a table "last token -> next token": whatever the prompt, the answer is the sentence and
then the end of the turn, and an answer that was cut after a piece is continued from there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aisuite.adapters.durable import make_folder, replacing
from aisuite.errors import StateUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from aisuite.ports import Progress
    from aisuite.stack.model import ModelFile

CONTEXT_LENGTH = 8192
_CONTROL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
_BOS, _EOS, _TURN_END = 1, 2, 4
_BYTES = tuple(f"<0x{value:02X}>" for value in range(256))  # any text tokenises
_RESERVED = (*_CONTROL, *_BYTES)
_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_HEADER = 16384  # bytes that hold the description
_HEAD = 64  # a head size that every attention kernel and every cache type (blocks of 32) knows
_FEED_FORWARD = 32
_CERTAINTY = 64.0  # after the norm the next piece leads by 64 * sqrt(width): no sampler setting beats it


class DemoModels:
    """Writes the demo models of a stack at first use (a `Preparer`)."""

    def __init__(self, models: Iterable[ModelFile]) -> None:
        self._sentences = {model.path: model.demo_sentence for model in models if model.demo_sentence is not None}

    @property
    def what(self) -> str:
        """In words, for the plan."""
        return "demo models"

    def done(self) -> bool:
        """Whether each file is there and says what it should."""
        return all(_says(path, sentence) for path, sentence in self._sentences.items())

    def run(self, progress: Progress) -> None:
        """Write those that are missing. Raises StateUnwritable."""
        total = len(self._sentences)
        for number, (path, sentence) in enumerate(self._sentences.items(), start=1):
            if not _says(path, sentence):
                try:
                    write_demo_model(path, sentence)
                except OSError as err:
                    raise StateUnwritable(f"cannot write the demo model {path}: {err.strerror}") from err
            progress(f"demo model {path.name}", number, total)


def write_demo_model(path: Path, sentence: str) -> None:
    """Write a GGUF of about 100 kB whose answer to any prompt is `sentence`, without outer blanks.

    Its bytes depend on the sentence alone. Raises ValueError for a sentence that cannot be said.
    """
    pieces = _split_pieces(sentence)
    make_folder(path.parent, 0o755)
    with replacing(path) as unfinished:
        _write_gguf(unfinished, pieces)
        unfinished.chmod(0o644)  # a container's user reads it, too


def _says(path: Path, sentence: str) -> bool:
    """Read from the file's header which sentence it was written for."""
    try:
        with path.open("rb") as file:
            return sentence.strip().encode() in file.read(_HEADER)
    except OSError:
        return False


def _split_pieces(sentence: str) -> list[str]:
    """Cut before each blank; a word said before is glued to its neighbour, as pieces must all differ.

    The table sees the last piece only: the same piece twice would loop.
    """
    pieces: list[str] = []
    for word in re.findall(r"\s*\S+", sentence.strip()):
        piece = word
        while piece in pieces or piece in _RESERVED:
            if not pieces:
                raise ValueError(f"a demo model cannot start with {piece!r}, a token of its own")
            piece = pieces.pop() + piece
        pieces.append(piece)
    if not pieces:
        raise ValueError("a demo model needs a sentence to say")
    return pieces


def _write_gguf(path: Path, pieces: Sequence[str]) -> None:
    import gguf  # here, because it loads numpy

    width = _HEAD * -(-(len(pieces) + 1) // _HEAD)
    writer = gguf.GGUFWriter(path, "llama")
    try:
        writer.add_description("".join(pieces))  # near the start of the file, where `_says` looks
        _add_shape(writer, width)
        _add_tokenizer(writer, pieces)
        _add_tensors(writer, pieces, width)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_shape(writer: Any, width: int) -> None:
    writer.add_name("aisuite demo")
    writer.add_context_length(CONTEXT_LENGTH)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(width // _HEAD)
    writer.add_head_count_kv(width // _HEAD)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-5)


def _add_tokenizer(writer: Any, pieces: Sequence[str]) -> None:
    from gguf import TokenType

    kinds = [TokenType.UNKNOWN] + [TokenType.CONTROL] * (len(_CONTROL) - 1)
    kinds += [TokenType.BYTE] * len(_BYTES)
    # User-defined pieces are found in raw text before anything else, so a cut answer that comes back
    # as a prompt is read as the same pieces, and their blanks are written as they are.
    kinds += [TokenType.USER_DEFINED] * len(pieces)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*_RESERVED, *pieces])
    writer.add_token_scores([0.0] * len(kinds))
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_bos_token_id(_BOS)
    writer.add_eos_token_id(_EOS)
    writer.add_eot_token_id(_TURN_END)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_CHAT_TEMPLATE)


def _add_tensors(writer: Any, pieces: Sequence[str], width: int) -> None:
    import numpy as np

    said = [len(_RESERVED) + index for index in range(len(pieces))]
    embedding = np.zeros((len(_RESERVED) + len(pieces), width), np.float16)
    embedding[: len(_RESERVED), 0] = 1.0
    following = np.zeros_like(embedding)
    for axis, token in enumerate(said, start=1):
        embedding[token, axis] = 1.0
    for axis, token in enumerate([*said, _TURN_END]):
        following[token, axis] = _CERTAINTY
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    writer.add_tensor("output.weight", following)
    for norm in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{norm}.weight", np.ones(width, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((width, width), np.float16))
    for name in ("ffn_gate", "ffn_up"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((_FEED_FORWARD, width), np.float16))
    writer.add_tensor("blk.0.ffn_down.weight", np.zeros((width, _FEED_FORWARD), np.float16))
