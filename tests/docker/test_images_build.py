"""The image of our own services, made on a real engine; and images carried in files."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from aisuite.adapters.images import DockerImages
from aisuite.adapters.shared_folder import SharedFolder
from aisuite.cli.app import run
from aisuite.errors import DiskFull, DownloadFailed, UsageError
from aisuite.ops.image_bundle import load_images, save_images
from aisuite.ops.images import NeededImage
from aisuite.ports import Progress, Recipe
from tests.bed.images import PYTHON
from tests.bed.place import Bed
from tests.services.embedding.onnx_model import WIDTH, write_model

pytestmark = pytest.mark.docker
NAME = f"aisuite-test/service:{os.getpid()}"
RECIPE = Recipe(PYTHON)
HARMLESS = (
    "--rm",
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
# In a container of its own: a key, the service, and one question to it over HTTP.
SERVE = """
import os, pathlib, subprocess, sys, time, urllib.request
key = pathlib.Path("/tmp/key"); key.write_text("k" * 64)
os.environ |= {"SERVICE_PORT": "8003", "SERVICE_API_KEY_FILE": str(key), "API_GATEWAY_KEY_FILE": str(key)}
os.environ |= {"RAG_DATA_DIR": "/tmp/data"}
os.environ |= {name: "http://127.0.0.1:9" for name in ("QDRANT_URL", "EMBEDDING_URL", "API_GATEWAY_URL")}
service = subprocess.Popen(["python", "-m", sys.argv[1]])
while service.poll() is None:
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8003/livez").status)
        break
    except OSError:
        time.sleep(0.1)
service.terminate()
sys.exit(service.wait())
"""


@pytest.fixture(scope="module")
def built(docker_bed: Bed) -> Iterator[Bed]:
    """The bed with our image on it, made anew and removed again."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in docker_bed.variables().items():
            patch.setenv(name, value)
        assert DockerImages().build(NAME, RECIPE, quiet, force=True)
    yield docker_bed
    docker_bed.docker("image", "rm", "--force", NAME)


@pytest.fixture
def images(built: Bed, docker_environment: Bed) -> DockerImages:
    return DockerImages()


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody looks."""


def silent(_reference: str) -> Progress:
    return quiet


@pytest.mark.parametrize("module", ["aisuite.services.embedding", "aisuite.services.rag"])
def test_a_service_answers_in_it_without_root_network_or_a_writable_disk(
    module: str, images: DockerImages, built: Bed
) -> None:
    answer = built.docker("run", *HARMLESS, NAME, "python", "-c", SERVE, module)
    assert "200" in answer.splitlines()


# In a container of its own, too: what the service that reads a model in ONNX's format answers.
EMBED = """
import json, os, pathlib, subprocess, time, urllib.request
key = pathlib.Path("/tmp/key"); key.write_text("k" * 64)
os.environ |= {"SERVICE_PORT": "8003", "SERVICE_API_KEY_FILE": str(key), "EMBEDDING_BACKEND": "fastembed"}
os.environ |= {"EMBEDDING_MODEL": "tiny", "EMBEDDING_MODEL_PATH": "/model"}
service = subprocess.Popen(["python", "-m", "aisuite.services.embedding"])
asked = urllib.request.Request("http://127.0.0.1:8003/embed", json.dumps({"texts": ["the cat"]}).encode())
asked.add_header("Authorization", "Bearer " + "k" * 64); asked.add_header("Content-Type", "application/json")
while service.poll() is None:
    try:
        print(len(json.load(urllib.request.urlopen(asked))["embeddings"][0]))
        break
    except OSError:
        time.sleep(0.1)
service.terminate()
"""


@pytest.mark.soak
def test_with_fastembed_it_runs_a_model_of_a_folder_without_a_network(
    images: DockerImages, built: Bed, tmp_path: Path
) -> None:
    name = f"{NAME}-fastembed"
    model = write_model(tmp_path / "model")
    for path in (*tmp_path.parents[:2], tmp_path, model, *model.iterdir()):
        path.chmod(path.stat().st_mode | 0o055)
    assert images.build(name, Recipe(PYTHON, fastembed=True), quiet)
    try:
        answer = built.docker("run", *HARMLESS, f"--volume={model}:/model:ro", name, "python", "-c", EMBED)
        assert str(WIDTH) in answer.splitlines()
    finally:
        built.docker("image", "rm", "--force", name)


def test_it_runs_as_nobody_in_particular_and_says_what_it_is(images: DockerImages, built: Bed) -> None:
    (found,) = json.loads(built.docker("image", "inspect", NAME))
    assert found["Config"]["User"] == "10001:10001"
    assert found["Config"]["Labels"]["org.opencontainers.image.title"] == "aisuite services"
    assert built.docker("run", *HARMLESS, NAME, "python", "-c", "import os; print(os.getuid())").strip() == "10001"


def test_it_holds_the_services_and_no_orchestrator(images: DockerImages, built: Bed) -> None:
    code = "import aisuite, os; print(sorted(os.listdir(os.path.dirname(aisuite.__file__))))"
    assert built.docker("run", *HARMLESS, NAME, "python", "-c", code).strip() == str(
        ["__init__.py", "__pycache__", "services"]
    )


def test_it_is_made_again_only_when_something_has_changed(
    images: DockerImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = images.find(NAME)
    assert not images.build(NAME, RECIPE, quiet)
    assert images.find(NAME) == before
    monkeypatch.setattr("aisuite.__version__", "9.9.9")
    told: list[tuple[str, int, int]] = []
    assert images.build(NAME, RECIPE, lambda *event: told.append(event))
    after = images.find(NAME)
    assert before is not None
    assert after is not None
    assert after.recipe != before.recipe
    assert images.find(before.id) is None, "what was replaced is left behind"
    steps = [(done, total) for _, done, total in told if total]
    assert steps == [(number, len(steps)) for number in range(len(steps))]


def test_a_base_image_that_is_not_here_or_has_no_python_is_refused(
    images: DockerImages, docker_environment: Bed, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="is not on this machine"):
        images.build(NAME, Recipe("aisuite-test/nothing:1"), quiet)
    empty = "aisuite-test/empty:1"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    docker_environment.docker("build", "--quiet", "--tag", empty, str(tmp_path))
    try:
        with pytest.raises(UsageError, match="cannot run python3"):
            images.build("aisuite-test/other:1", Recipe(empty), quiet)
    finally:
        docker_environment.docker("image", "rm", empty)
    assert images.find("aisuite-test/other:1") is None


def test_a_bundle_brings_an_image_back_byte_for_byte(images: DockerImages, built: Bed, tmp_path: Path) -> None:
    carried = "aisuite-test/carried:1"
    built.docker("tag", NAME, carried)
    needed = (NeededImage(carried, ("rag",), built=True),)
    bundle, before = SharedFolder(tmp_path), images.find(carried)
    report = save_images(needed, images, bundle, progress_for=silent)
    assert report.images[0].bytes > 10 * 2**20
    assert tarfile.is_tarfile(tmp_path / report.images[0].file)
    built.docker("image", "rm", carried)
    assert images.find(carried) is None
    assert load_images(images, bundle, progress_for=silent).loaded == (carried,)
    assert images.find(carried) == before
    built.docker("image", "rm", carried)


def test_a_bundle_that_the_disk_cannot_take_is_refused_before_it_is_begun(
    images: DockerImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 2**20))
    with pytest.raises(DiskFull, match=r"needs \d+ MiB below .*, 1 MiB are free"):
        images.save(NAME, tmp_path / "image.tar", quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_image_is_refused_by_name(images: DockerImages, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no image" * 1000)
    with pytest.raises(DownloadFailed, match=r"x\.tar"):
        images.load(tmp_path / "x.tar", quiet)


def test_the_command_lists_what_the_bed_has(
    docker_environment: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("extends: phase2-cpu\nservices: {embedding: {model: hash-384}}\n")
    assert run(["images", "list", "--profile", "./mine.yaml", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["images"]
    assert {row["state"] for row in rows} == {"present"}
    assert run(["images", "pull", "--profile", "./mine.yaml", "--offline", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] == []
