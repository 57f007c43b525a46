"""A failure carries its cause in words, the line that proves it, and a fix."""

from __future__ import annotations

import pytest

from aisuite.ops.diagnose import diagnose
from tests.fakes.stacks import make_service

SERVICE = make_service("inference-chat", 8001)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("ggml_cuda: cudaMalloc failed: out of memory", "the card's memory is full"),
        ("[Errno 98] error while attempting to bind on address: address already in use", "its port 8001 is taken"),
        ("write failed: No space left on device", "the disk is full"),
        ("gguf_init_from_file_impl: invalid magic characters: 'this'", "its model file cannot be loaded"),
        ("error loading model architecture: unknown model architecture: 'x'", "this llama.cpp does not know"),
        ("ModuleNotFoundError: No module named 'fastapi'", "a Python package is missing"),
        ("open: Permission denied", "it may not read or write a file"),
        ("std::bad_alloc", "this machine's memory is full"),
        ("error: unknown argument: --fit", "its program does not know one of its flags"),
    ],
)
def test_a_known_line_gives_its_cause_with_the_line_as_evidence_and_a_fix(line: str, cause: str) -> None:
    found = diagnose(SERVICE, 1, ["starting", line, "bye"], "it ended")
    assert cause in found.cause
    assert found.evidence == line
    assert found.hint
    assert found.service == "inference-chat"


def test_the_last_matching_line_is_the_evidence() -> None:
    log = ["No space left on device (old)", "No space left on device (new)"]
    assert diagnose(SERVICE, 1, log, "it ended").evidence == log[1]


def test_a_signal_says_what_it_usually_means() -> None:
    assert "SIGKILL" in diagnose(SERVICE, -9, ["all is well"], "it ended").cause
    assert "segmentation fault" in diagnose(SERVICE, -11, [], "it ended").cause


def test_an_unknown_end_says_so_with_the_last_line_and_where_to_read_on() -> None:
    found = diagnose(SERVICE, 3, ["", "something odd", "  "], "it ended with exit code 3")
    assert (found.cause, found.evidence) == ("it ended with exit code 3", "something odd")
    assert found.hint == "read its log: aisuite logs inference-chat"


def test_an_endless_line_is_cut() -> None:
    assert len(diagnose(SERVICE, 1, ["x" * 10_000], "it ended").evidence) <= 300
