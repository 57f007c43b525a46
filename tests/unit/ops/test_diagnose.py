"""A failure carries its cause in words, the line that proves it, and a fix."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.ops.diagnose import diagnose, find_cpu_fallback, health_faults, how_it_ended
from aisuite.plan.observed import Findings, Observed, ObservedService, State
from aisuite.stack.model import Mount, Role
from aisuite.units import Mib
from tests.fakes.stacks import make_service

SERVICE = make_service("inference-chat", 8001)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("ggml_cuda: cudaMalloc failed: out of memory", "the card's memory is full"),
        ("[Errno 98] error while attempting to bind on address: address already in use", "its port 8001 is taken"),
        ("CUDA driver version is insufficient for CUDA runtime version", "driver is too old for its image"),
        ("httpx.ConnectError: [Errno -2] Name or service not known", "a name that it calls cannot be resolved"),
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


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("warning: no usable GPU found, --gpu-layers option will be ignored", "it finds no card"),
        ("ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected", "it cannot use the card"),
        (
            "ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime version",
            "the card's driver is too old for its image",
        ),
    ],
)
def test_a_model_server_that_goes_on_without_its_card_is_told_with_its_own_words(line: str, cause: str) -> None:
    log = [line, "warning: no usable GPU found, --gpu-layers option will be ignored", "server is listening"]
    found = find_cpu_fallback(replace(SERVICE, gpu=True), log)
    assert found is not None
    assert (cause in found.cause, found.evidence) == (True, line)
    assert "aisuite up --profile phase2-cpu" in str(found.hint) or "images.llama_gpu" in str(found.hint)


def test_a_model_server_that_needs_no_card_or_has_one_is_no_fallback() -> None:
    log = ["warning: no usable GPU found, --gpu-layers option will be ignored"]
    assert find_cpu_fallback(SERVICE, log) is None
    assert find_cpu_fallback(replace(SERVICE, gpu=True), ["load_tensors: offloaded 29/29 layers to GPU"]) is None


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


def test_a_kill_for_memory_that_the_engine_saw_comes_before_all_that_the_log_says() -> None:
    limited = replace(SERVICE, memory=Mib(64))
    found = diagnose(limited, 1, ["failed to load model"], "it ended", Findings(out_of_memory=True))
    assert "at its memory limit of 64MiB" in found.cause
    assert found.hint == "raise models.chat.memory in the profile, then: aisuite up"


def test_a_kill_for_memory_without_a_limit_is_the_machines() -> None:
    assert "this machine's memory is full" in diagnose(SERVICE, -9, [], "", Findings(out_of_memory=True)).cause


def test_the_limit_of_another_service_is_named_by_its_own_key() -> None:
    rag = replace(make_service("rag", 8002), role=Role.RAG, memory=Mib(2048))
    assert "services.rag.memory" in str(diagnose(rag, -9, [], "", Findings(out_of_memory=True)).hint)


def test_a_kill_that_nobody_explains_is_told_with_the_memory_limit() -> None:
    assert diagnose(replace(SERVICE, memory=Mib(64)), -9, [], "").cause.endswith("its memory limit is 64MiB")


@pytest.mark.parametrize(
    ("line", "cause", "hint"),
    [
        ("failed to open GGUF file '/models/m.gguf' (Permission denied)", "may not read", "chmod a+r /home/me/m.gguf"),
        ("failed to open GGUF file '/models/m.gguf' (No such file or directory)", "not there", "/home/me/m.gguf"),
        ("gguf_init_from_reader: failed to read magic", "cannot be loaded", "aisuite models pull --force"),
    ],
)
def test_a_model_in_a_container_is_named_as_this_machine_names_it(line: str, cause: str, hint: str) -> None:
    service = replace(SERVICE, command=("-m", "/models/m.gguf"), mounts=(Mount("/home/me", "/models"),))
    found = diagnose(service, 1, [line, "exiting due to model loading error"], "it ended")
    assert cause in found.cause
    assert hint in str(found.hint)


@pytest.mark.parametrize(
    ("code", "times", "words"),
    [(None, 0, "it ended"), (3, 1, "it ended with exit code 3"), (3, 4, "it ended with exit code 3, 4 times in a row")],
)
def test_how_often_it_ended_is_told(code: int | None, times: int, words: str) -> None:
    assert how_it_ended(code, times) == words


def test_a_service_that_answers_while_its_engine_cannot_ask_it_is_named_with_what_the_engine_says() -> None:
    lame = ObservedService("rag", State.RUNNING, ready=True, health_fault='exec: "curl": not found')
    (fault,) = health_faults(Observed(True, (lame, replace(lame, name="qdrant", health_fault=""))))
    assert fault.message.startswith("rag: it answers, but its image lacks the health command")
    assert fault.message.endswith('the engine says: exec: "curl": not found')
    assert health_faults(Observed(True, (replace(lame, ready=False),))) == ()
