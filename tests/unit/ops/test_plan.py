"""`plan` on fakes: which card, which files, what is refused and how it is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.cards_elsewhere import CardsElsewhere
from aisuite.errors import DoesNotFit, GpuUnavailable, ModelMissing, ProfileInvalid, UsageError
from aisuite.ops.plan import ModelSource, PlanDoors, PlanRequest, plan
from aisuite.profile.model import Profile
from aisuite.stack.model import ModelFile
from aisuite.units import Mib
from aisuite.vram.model import LlamaBuild, Overhead, Verdict
from aisuite.vram.what_if import parse_changes
from tests.fakes.gpu import FakeCalibration, FakeCard, FakeGpu
from tests.fakes.host import FakeHost
from tests.fakes.models import FakeModelFiles
from tests.fakes.pricing import MIB, make_shape, round_pricing
from tests.fakes.profiles import make_profile

FILE = {"repo": "someone/model", "file": "model.gguf"}


def profile(gpu: dict[str, Any] | None = None, **code: Any) -> Profile:
    models = {"chat": {"source": FILE, "gpu_layers": "all"}, "code": {"source": FILE, "gpu_layers": "auto", **code}}
    return make_profile(gpu={"backend": "cuda", "reserve": "100MiB", **(gpu or {})}, models=models)


def request_for(folder: Path, wanted: Profile, **changes: Any) -> PlanRequest:
    """Return a request whose files are there."""
    files = []
    for name in wanted.models:
        path = folder / f"{name}.gguf"
        path.touch()
        files.append(ModelFile(name, f"inference-{name}", path, "someone/model", path.name, "main", None, None))
    return replace(PlanRequest(wanted, "mine", tuple(files), LlamaBuild(1, "b1")), **changes)


def doors(folder: Path, *cards: FakeCard, **shapes: int) -> PlanDoors:
    layers = {"chat": 10, "code": 10, **shapes}
    files = FakeModelFiles({str(folder / f"{name}.gguf"): make_shape(count, name) for name, count in layers.items()})
    files.shapes["hf:someone/other/file.gguf"] = make_shape(20, "other")
    price = lambda build, overhead: replace(round_pricing(), overhead=overhead)  # noqa: E731
    return PlanDoors(files, FakeGpu(*cards), FakeHost(), FakeCalibration(), price)


def test_the_card_here_is_planned_with_what_is_free_of_it(tmp_path: Path) -> None:
    card = FakeCard(total=6141, lost=216, programs={7: 4000}, multiprocessors=20)
    report = plan(request_for(tmp_path, profile()), doors(tmp_path, card))
    assert (report.plan.budget.card.here, report.plan.budget.card.free) == (True, 1925 * MIB)
    assert report.plan.notes == ("4216 of the 6141 MiB of RTX 4050 Laptop are not free (pid 7 4000 MiB)",)
    assert report.plan.shares[0].overhead.source.startswith("45 MiB + 2.7 MiB per SM (20 SM)")


def test_what_was_measured_here_counts_more_than_the_rule_of_thumb(tmp_path: Path) -> None:
    opened, measured = doors(tmp_path, FakeCard()), Overhead(99 * MIB, "measured here", measured=True)
    opened.calibration.keep("RTX 4050 Laptop", measured)
    assert plan(request_for(tmp_path, profile()), opened).plan.shares[0].overhead == measured


def test_a_card_that_is_not_here_is_only_a_size(tmp_path: Path) -> None:
    request = request_for(tmp_path, profile({"budget": "1GiB"}), gpu_memory=(Mib(6141),))
    report = plan(request, doors(tmp_path, FakeCard(total=2000)))
    assert (report.plan.budget.card.total, report.plan.budget.wanted) == (6141 * MIB, None)
    assert report.plan.gpu_layers == {"chat": 999, "code": 999}


def test_without_a_card_the_budget_stands_for_it_and_that_is_said(tmp_path: Path) -> None:
    report = plan(request_for(tmp_path, profile({"budget": "3GiB"})), doors(tmp_path))
    assert report.plan.budget.card.total == 3072 * MIB
    assert report.plan.notes == ("no card 0 is here: gpu.budget (3GiB) stands for it",)


def test_without_a_card_and_a_budget_there_is_nothing_to_plan_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no card 0 is here \(no driver.*\), and profile mine has no gpu.budget"):
        plan(request_for(tmp_path, profile()), doors(tmp_path))


def test_where_docker_runs_elsewhere_nothing_here_is_planned_with(tmp_path: Path) -> None:
    afar = replace(doors(tmp_path, FakeCard()), gpu=CardsElsewhere("box"))
    with pytest.raises(UsageError, match=r"no card 0 is here \(Docker runs on box, .*no gpu.budget") as caught:
        plan(request_for(tmp_path, profile()), afar)
    assert caught.value.hint == "aisuite plan --gpu-memory 8GiB   # what up shall count on: gpu.budget in the profile"
    found = plan(request_for(tmp_path, profile({"budget": "3GiB"})), afar).plan
    assert (found.budget.card.total, found.budget.host_free) == (3072 * MIB, None)
    (said,) = found.notes
    assert said.startswith("no card 0 is here (Docker runs on box, ")
    sized = plan(request_for(tmp_path, profile(), gpu_memory=(Mib(6141),)), afar)
    assert sized.plan.notes == ()


def test_a_budget_larger_than_the_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit, match=r"gpu.budget is 8GiB, but card 0 \(RTX 4050 Laptop\) has 6141 MiB"):
        plan(request_for(tmp_path, profile({"budget": "8GiB"})), doors(tmp_path, FakeCard()))


def test_the_size_that_a_card_is_sold_by_is_no_larger_budget(tmp_path: Path) -> None:
    report = plan(request_for(tmp_path, profile({"budget": "6GiB"})), doors(tmp_path, FakeCard(total=6141)))
    assert report.plan.verdict is Verdict.FITS


def test_a_driver_that_fails_in_the_middle_is_told(tmp_path: Path) -> None:
    opened = doors(tmp_path, FakeCard())
    assert isinstance(opened.gpu, FakeGpu)
    opened.gpu.broken, opened.gpu.breaks_after = "GPU is lost", 0
    with pytest.raises(GpuUnavailable, match="GPU is lost"):
        plan(request_for(tmp_path, profile()), opened)


def test_missing_files_are_named_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    request = request_for(tmp_path, profile({"budget": "3GiB"}), loaded_as="--phase 2")
    (tmp_path / "code.gguf").unlink()
    with pytest.raises(ModelMissing, match=r"code\.gguf") as caught:
        plan(request, doors(tmp_path))
    assert str(caught.value.hint).startswith("aisuite models pull --phase 2")


def test_a_profile_on_the_cpu_has_nothing_to_plan(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="runs on the CPU"):
        plan(request_for(tmp_path, make_profile()), doors(tmp_path))


def test_a_file_from_the_hub_takes_the_place_of_a_model(tmp_path: Path) -> None:
    source = ModelSource.parse("code=hf:someone/other/file.gguf")
    request = request_for(tmp_path, profile(), gpu_memory=(Mib(6141),), sources=(source,))
    (tmp_path / "code.gguf").unlink()
    report = plan(request, doors(tmp_path))
    assert [share.shape.name for share in report.plan.shares] == ["chat", "other"]


def test_a_file_without_a_name_is_planned_alone(tmp_path: Path) -> None:
    source = ModelSource.parse("hf:someone/other/file.gguf")
    request = request_for(tmp_path, make_profile(), gpu_memory=(Mib(6141),), sources=(source,))
    assert plan(request, doors(tmp_path)).plan.gpu_layers == {"file": 999}


@pytest.mark.parametrize("texts", [("chat=hf:someone/other/file.gguf", "hf:someone/other/file.gguf"), ("nobody=x",)])
def test_files_for_nobody_are_refused(tmp_path: Path, texts: tuple[str, ...]) -> None:
    sources = tuple(ModelSource.parse(text) for text in texts)
    with pytest.raises(UsageError, match="--model"):
        plan(request_for(tmp_path, profile(), sources=sources), doors(tmp_path, FakeCard()))


def test_more_layers_than_a_model_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match=r"models\.code\.gpu_layers: 12 layers; the model has 11"):
        plan(request_for(tmp_path, profile(gpu_layers=12)), doors(tmp_path, FakeCard()))


def test_what_if_shows_both_plans(tmp_path: Path) -> None:
    request = request_for(tmp_path, profile(), gpu_memory=(Mib(2400),), changes=parse_changes("context=8192"))
    report = plan(request, doors(tmp_path))
    assert report.before is not None
    assert report.plan.gpu_layers["code"] < report.before.gpu_layers["code"]


def test_what_does_not_fit_ends_with_4_and_says_what_would(tmp_path: Path) -> None:
    report = plan(request_for(tmp_path, profile(gpu_layers="all"), gpu_memory=(Mib(2400),)), doors(tmp_path))
    assert (report.exit_code, report.plan.verdict) == (4, Verdict.NO)
    assert report.plan.remedy is not None
    assert report.plan.remedy.startswith("models.code.gpu_layers: ")


def test_each_neighbour_of_a_plan_is_shown_not_to_fit(tmp_path: Path) -> None:
    report = plan(request_for(tmp_path, profile(), gpu_memory=(Mib(2400),)), doors(tmp_path))
    assert [(one.model, one.fits) for one in report.neighbours] == [("code", False)]
    assert report.neighbours[0].gpu_layers == report.plan.gpu_layers["code"] + 1


def test_a_container_that_gets_less_ram_than_its_server_takes_is_told(tmp_path: Path) -> None:
    request = request_for(tmp_path, profile(gpu_layers=0, memory="1GiB"), gpu_memory=(Mib(6141),))
    assert plan(request, doors(tmp_path)).plan.notes == (
        "code takes 1164 MiB of RAM, more than models.code.memory (1GiB) grants",
    )


def test_what_a_header_does_not_say_is_said(tmp_path: Path) -> None:
    opened = doors(tmp_path, FakeCard())
    files = FakeModelFiles(
        {
            str(tmp_path / "chat.gguf"): replace(make_shape(), assumed=("every second layer has a window",)),
            str(tmp_path / "code.gguf"): make_shape(),
        }
    )
    found = plan(request_for(tmp_path, profile()), replace(opened, files=files)).plan
    assert found.notes[-1] == "chat: every second layer has a window"


@pytest.mark.parametrize(("backend", "said"), [("cuda", False), ("rocm", True), ("vulkan", True), ("metal", True)])
def test_rules_of_cuda_for_another_card_are_said(tmp_path: Path, backend: str, said: bool) -> None:
    request = request_for(tmp_path, profile({"backend": backend}), gpu_memory=(Mib(6141),))
    notes = plan(request, doors(tmp_path)).plan.notes
    assert (f"planned with the rules of CUDA: what {backend} allocates was never measured" in notes) is said


def test_models_are_placed_on_all_cards_that_are_here(tmp_path: Path) -> None:
    opened = doors(tmp_path, FakeCard("small", total=1700), FakeCard("large", total=2000))
    found = plan(request_for(tmp_path, profile({"devices": "auto"})), opened).plan
    assert [(share.model, share.card, share.flags.gpu_layers) for share in found.shares] == [
        ("chat", 0, 999),
        ("code", 1, 999),
    ]
    assert [one.budget.card.name for one in found.by_card] == ["small", "large"]


def test_only_named_cards_are_used(tmp_path: Path) -> None:
    opened = doors(tmp_path, FakeCard(total=9000), FakeCard(total=9000), FakeCard(total=9000))
    found = plan(request_for(tmp_path, profile({"devices": [1, 2]})), opened).plan
    assert [share.card for share in found.shares] == [1, 1]
    fixed = profile({"devices": [1, 2]}, device=2)
    assert [share.card for share in plan(request_for(tmp_path, fixed), opened).plan.shares] == [2, 2]


def test_a_named_card_that_is_not_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gpu.devices: no card 3 is here; the cards here are 0"):
        plan(request_for(tmp_path, profile({"devices": [0, 3], "budget": "3GiB"})), doors(tmp_path, FakeCard()))


def test_the_budget_stands_for_each_card_where_none_is_here(tmp_path: Path) -> None:
    found = plan(request_for(tmp_path, profile({"devices": [0, 1], "budget": "2GiB"})), doors(tmp_path)).plan
    assert "no card 0 and no card 1 is here: gpu.budget (2GiB) stands for it" in found.notes
    assert [one.budget.card.total for one in found.by_card] == [2048 * MIB, 2048 * MIB]


def test_a_model_cannot_be_on_a_card_that_is_not_planned_for(tmp_path: Path) -> None:
    wanted = profile({"devices": "auto"}, device=4)
    with pytest.raises(UsageError, match=r"models.code.device is 4; the cards to plan for are 0, 1"):
        plan(request_for(tmp_path, wanted), doors(tmp_path, FakeCard(), FakeCard()))
    with pytest.raises(UsageError, match=r"models.code.device is 4; the cards to plan for are 0"):
        plan(request_for(tmp_path, wanted, gpu_memory=(Mib(6141),)), doors(tmp_path))
