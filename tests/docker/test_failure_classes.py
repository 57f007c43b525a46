"""Each way in which a service can fail, produced on a real engine, is told as what it is."""

# ruff: noqa: F811  fixtures come by import
from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from aisuite.adapters.demo_models import write_demo_model
from aisuite.errors import NotReady, StepFailed
from aisuite.ops.up import UpReport, UpRequest, up
from aisuite.ports import Renderer
from aisuite.stack.model import Dependency, Mount, Service, Stack
from aisuite.units import Seconds
from tests.docker.answering import Project, answering, docker, new_project, project  # noqa: F401
from tests.docker.failing import LLAMA
from tests.fakes.gpu import FakeCard, FakeGpu

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.docker

# llama.cpp's own words.
_CUDA_FULL = """load_tensors: loading model tensors, this can take a while... (mmap = true)
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4168.09 MiB on device 0: cudaMalloc failed: out of memory
alloc_tensor_range: failed to allocate CUDA0 buffer of size 4370555904
llama_model_load: error loading model: unable to allocate CUDA0 buffer
main: exiting due to model loading error"""
_OLD_DRIVER = (
    "ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime version\n"
    "warning: no usable GPU found, --gpu-layers option will be ignored"
)


@dataclass(frozen=True)
class WithoutReservations:
    """Renders no request for a card: this engine has none to give, and the start shall get past that."""

    renderer: Renderer

    def render(self, stack: Stack) -> dict[str, str]:
        return self.renderer.render(replace(stack, services=tuple(replace(one, gpu=False) for one in stack.services)))


def failed(project: Project, *services: Service) -> NotReady:
    """Bring these services up, which fails, and leaves nothing; return why."""
    with pytest.raises(NotReady) as raised:
        project.up(*services)
    left = project.left()
    assert (left["containers"], left["networks"]) == ([], [])
    return raised.value


def up_with_a_card(project: Project, service: Service) -> UpReport:
    stack = replace(project.stack(replace(service, gpu=True)), gpu_device=0)
    renderer = WithoutReservations(project.deps.renderer)
    return up(UpRequest(stack), replace(project.deps, renderer=renderer, gpu=FakeGpu(FakeCard())))


def saying(text: str, then: str) -> tuple[str, ...]:
    return ("sh", "-c", f'printf "%s\\n" "$1" >&2; shift; {then}', "sh", text)


def test_a_card_whose_memory_is_full_is_told_with_the_allocation_that_failed(project: Project) -> None:
    error = failed(project, answering("chat", command=saying(_CUDA_FULL, "exit 1")))
    assert error.cause == "the card's memory is full"
    assert "allocating 4168.09 MiB on device 0: cudaMalloc failed: out of memory" in error.evidence
    assert "gpu_layers" in str(error.hint)


def test_a_model_server_that_finds_no_card_does_not_run_on_the_cpu_in_silence(project: Project, tmp_path: Path) -> None:
    write_demo_model(tmp_path / "models" / "demo.gguf", "Hello.")
    flags = ("-m", "/models/demo.gguf", "--host", "0.0.0.0", "--port", "9000", "-c", "256", "-ngl", "99")
    mount = Mount(str(tmp_path / "models"), "/models")
    service = answering("chat", image=LLAMA, command=flags, mounts=(mount,))
    with pytest.raises(NotReady) as raised:
        up_with_a_card(project, service)
    assert raised.value.cause == "it finds no card although the profile asks for one, and runs on the CPU"
    assert "no usable GPU found" in raised.value.evidence
    assert "aisuite up --profile phase2-cpu" in str(raised.value.hint)
    assert project.left()["containers"] == []


def test_a_driver_that_is_too_old_for_the_image_is_told_although_the_service_answers(project: Project) -> None:
    service = answering("chat")
    server = saying(_OLD_DRIVER, 'exec "$@"')
    with pytest.raises(NotReady) as raised:
        up_with_a_card(project, replace(service, command=(*server, *service.command)))
    assert raised.value.cause == "the card's driver is too old for its image"
    assert "driver version is insufficient" in raised.value.evidence
    assert "nvidia-smi" in str(raised.value.hint)
    assert project.left()["containers"] == []


def test_a_full_volume_is_told_as_a_full_disk(project: Project) -> None:
    name = f"{project.name}_kept"
    size = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=64k")
    docker("volume", "create", "--label", f"com.docker.compose.project={project.name}", *size, name)
    volume = Mount("kept", "/kept", read_only=False)
    fill = ("dd", "if=/dev/zero", "of=/kept/index", "bs=1k", "count=128")
    error = failed(project, answering("chat", command=fill, volumes=(volume,)))
    assert error.cause == "the disk is full"
    assert "/kept/index" in error.evidence
    assert "No space left on device" in error.evidence
    assert error.hint == "see what is left: df -h"


def test_a_name_that_does_not_resolve_is_told_with_the_line_that_shows_it(project: Project) -> None:
    call = ("python3", "-c", "import urllib.request as r; r.urlopen('http://no-such-service:9000')")
    error = failed(project, answering("chat", command=call))
    assert error.cause == "a name that it calls cannot be resolved"
    assert "name resolution" in error.evidence or "not known" in error.evidence
    assert error.hint == "see which names it calls: aisuite render --diff"


def test_what_depends_on_a_late_service_is_started_when_that_answers(project: Project) -> None:
    chat = answering("inference-chat")
    late = replace(chat, command=("sh", "-c", 'sleep 2; exec "$@"', "sh", *chat.command))
    gateway = answering("api-gateway", Dependency("inference-chat"))
    report = project.up(late, gateway)
    assert (report.exit_code, [one.health for one in report.services]) == (0, ["healthy", "healthy"])
    began = {name: project.inspect(name)["State"]["StartedAt"] for name in ("inference-chat", "api-gateway")}
    first, second = (datetime.fromisoformat(began[name]) for name in ("inference-chat", "api-gateway"))
    assert (second - first).total_seconds() >= 2


def test_what_depends_on_a_service_that_never_answers_is_not_started(project: Project) -> None:
    silent = answering("qdrant", command=("sleep", "1000"), deadline=Seconds(1))
    error = failed(project, answering("chat"), silent, answering("rag", Dependency("qdrant")))
    assert error.service == "qdrant"
    assert error.cause.startswith("not ready after 1s; it says: ")
    assert not (project.folder / "logs" / "rag.log").exists()


def test_a_gateway_comes_up_degraded_when_one_of_its_model_servers_does_not(project: Project) -> None:
    either = (Dependency("inference-chat", required=False), Dependency("inference-code", required=False))
    broken = answering("inference-code", command=saying(_CUDA_FULL, "exit 1"))
    report = project.up(answering("inference-chat"), broken, answering("api-gateway", *either))
    (failure,) = report.failures
    assert isinstance(failure, NotReady)
    assert (failure.service, failure.cause) == ("inference-code", "the card's memory is full")
    assert (report.exit_code, set(project.containers())) == (StepFailed.exit_code, {"inference-chat", "api-gateway"})
