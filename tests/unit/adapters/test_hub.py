from __future__ import annotations

import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aisuite.adapters.hub import HuggingFaceHub
from aisuite.errors import DiskFull, DownloadFailed, StateUnwritable
from aisuite.stack.model import ModelFile
from aisuite.vram.gguf import part_names

REPO = "owner/model-GGUF"
BODY = bytes(range(256)) * 4096  # 1 MiB
Told = list[tuple[str, int, int]]


@dataclass
class Hub:
    """What the hub holds, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    refuse: tuple[int, str] | None = None  # status and the code that the hub gives with it
    break_after: int | None = None  # bytes of a body, once
    asked: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)

    def etag(self, name: str) -> str:
        return self.etags.get(name, sha256(self.files[name]).hexdigest())


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """Imitate the hub's resolve endpoint, with ranges, on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            name = self.path.rpartition("/")[2]
            wanted = self.headers.get("Range")
            hub.asked.append((self.command, self.path, wanted, self.headers.get("Authorization")))
            if hub.refuse is not None or name not in hub.files:
                status, code = hub.refuse or (404, "EntryNotFound")
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            body = hub.files[name]
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
            self.send_header("ETag", f'"{hub.etag(name)}"')
            self.send_header("X-Repo-Commit", "c0ffee")
            self.send_header("Content-Length", str(len(body) - first))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[first : hub.break_after])
                hub.break_after = None

        def log_request(self, *_: object) -> None:
            """Stay silent."""

    for verb in ("GET", "HEAD"):
        setattr(Handler, f"do_{verb}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    held = Hub(files={"m.gguf": BODY})
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serving(held) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        yield held


def wanted(folder: Path, name: str = "m.gguf", digest: str | None = None) -> ModelFile:
    return ModelFile("chat", "inference-chat", folder / name, REPO, name, "main", digest, None)


def pull(model: ModelFile, *, force: bool = False) -> Told:
    told: Told = []
    HuggingFaceHub().pull(model, lambda *event: told.append(event), force=force)
    return told


def refused(model: ModelFile) -> DownloadFailed:
    """Return why the model cannot be fetched; nothing may be left under its name."""
    with pytest.raises(DownloadFailed) as caught:
        pull(model)
    assert not model.path.exists()
    assert caught.value.hint
    return caught.value


def test_a_file_arrives_with_its_bytes_and_its_progress(hub: Hub, tmp_path: Path) -> None:
    model = wanted(tmp_path / "models")
    told = pull(model)
    assert model.path.read_bytes() == BODY
    assert [path.name for path in model.path.parent.iterdir()] == ["m.gguf"]
    assert told[0] == ("downloading m.gguf", 0, len(BODY))
    assert ("downloading m.gguf", len(BODY), len(BODY)) in told
    assert told[-1] == ("checking m.gguf", len(BODY), len(BODY))
    assert {path for _, path, _, _ in hub.asked} == {f"/{REPO}/resolve/main/m.gguf"}


def test_a_broken_download_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    model = wanted(tmp_path)
    half = tmp_path / f"m.gguf.{sha256(BODY).hexdigest()[:12]}.part"
    half.write_bytes(BODY[:700_000])
    told = pull(model)
    assert model.path.read_bytes() == BODY
    assert told[0] == ("downloading m.gguf", 700_000, len(BODY))
    assert [request[2] for request in hub.asked if request[0] == "GET"] == ["bytes=700000-"]
    assert not half.exists()


def test_a_connection_that_breaks_is_taken_up_again_in_silence(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    hub.break_after = 300_000
    model = wanted(tmp_path)
    pull(model)
    assert model.path.read_bytes() == BODY
    assert [request[0] for request in hub.asked].count("GET") == 2
    assert capfd.readouterr() == ("", "")


def test_what_is_interrupted_is_kept_for_the_next_time(hub: Hub, tmp_path: Path) -> None:
    model = wanted(tmp_path)

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage.startswith("checking"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        HuggingFaceHub().pull(model, interrupt)
    assert not model.path.exists()
    pull(model)
    assert model.path.read_bytes() == BODY
    assert [request[0] for request in hub.asked].count("GET") == 1


def test_a_part_that_is_too_long_is_not_trusted(hub: Hub, tmp_path: Path) -> None:
    model = wanted(tmp_path)
    (tmp_path / f"m.gguf.{sha256(BODY).hexdigest()[:12]}.part").write_bytes(BODY + b"more")
    pull(model)
    assert model.path.read_bytes() == BODY


def test_bytes_that_do_not_match_the_hubs_digest_are_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.etags["m.gguf"] = "0" * 64
    assert "is not what it should be: sha256" in str(refused(wanted(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def test_another_file_than_the_profile_wants_is_not_even_fetched(hub: Hub, tmp_path: Path) -> None:
    error = refused(wanted(tmp_path, digest="a" * 64))
    assert f"{REPO}/m.gguf@main has the sha256 {sha256(BODY).hexdigest()}" in str(error)
    assert [request[0] for request in hub.asked] == ["HEAD"]


def test_the_profiles_digest_serves_where_the_hub_gives_none(hub: Hub, tmp_path: Path) -> None:
    hub.etags["m.gguf"] = "a-git-hash"
    assert "the hub gives no sha256" in str(refused(wanted(tmp_path)))
    model = wanted(tmp_path, digest=sha256(BODY).hexdigest().upper())
    pull(model)
    assert model.path.read_bytes() == BODY


def test_a_split_model_arrives_whole_its_first_file_last(hub: Hub, tmp_path: Path) -> None:
    names = part_names("big-00001-of-00003.gguf")
    hub.files = {name: name.encode() * 1000 for name in names}
    told = pull(wanted(tmp_path, names[0]))
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    fetched = [request[1].rpartition("/")[2] for request in hub.asked if request[0] == "GET"]
    assert fetched == list(reversed(names))
    assert {total for _, _, total in told} == {sum(map(len, hub.files.values()))}


def test_a_file_that_is_there_is_fetched_again_only_by_force(hub: Hub, tmp_path: Path) -> None:
    model = wanted(tmp_path)
    model.path.write_bytes(b"mine")
    pull(model)
    assert model.path.read_bytes() == b"mine"
    pull(model, force=True)
    assert model.path.read_bytes() == BODY


@pytest.mark.parametrize(
    ("status", "code", "reason", "hint"),
    [
        (401, "RepoNotFound", "there is no such repository, or it is private", "HF_TOKEN="),
        (404, "RepoNotFound", "there is no such repository, or it is private", "HF_TOKEN="),
        (403, "GatedRepo", "its licence must be accepted first", "HF_TOKEN="),
        (404, "RevisionNotFound", "the repository has no such revision", "models.*.source"),
        (404, "EntryNotFound", "the repository has no such file", "models.*.source"),
        (500, "", "the hub answers 500", "models"),
    ],
)
def test_a_refusal_names_the_file_and_what_to_do(
    status: int, code: str, reason: str, hint: str, hub: Hub, tmp_path: Path
) -> None:
    hub.refuse = (status, code)
    error = refused(wanted(tmp_path))
    assert str(error) == f"cannot fetch {REPO}/m.gguf@main: {reason}"
    assert error.hint is not None
    assert hint in error.hint


def test_without_a_network_the_place_for_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    error = refused(wanted(tmp_path))
    assert str(error).startswith(f"cannot fetch {REPO}/m.gguf@main: ")
    assert (
        error.hint == f"check the network, then: aisuite models pull; or put the file at {tmp_path / 'm.gguf'} yourself"
    )


def test_a_name_that_no_repository_can_have_is_refused(hub: Hub, tmp_path: Path) -> None:
    model = ModelFile("chat", "s", tmp_path / "m.gguf", "a/b/c", "m.gguf", "main", None, None)
    assert "a/b/c" in str(refused(model))
    assert hub.asked == []


def test_the_token_comes_from_the_environment_and_is_never_shown(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(wanted(tmp_path))
    assert {request[3] for request in hub.asked} == {None}
    hub.asked.clear()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    pull(wanted(tmp_path), force=True)
    assert {request[3] for request in hub.asked} == {"Bearer hf_secret"}
    hub.refuse = (403, "GatedRepo")
    error = refused(wanted(tmp_path / "other"))
    assert "hf_secret" not in f"{error} {error.hint}"


def test_too_little_space_is_said_before_the_download(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 2**20))
    with pytest.raises(DiskFull, match=r"m\.gguf: 65 MiB are needed below .*, 1 MiB are free"):
        pull(wanted(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateUnwritable, match="file"):
        pull(wanted(tmp_path / "file" / "models"))


def test_two_at_once_do_not_write_into_each_other(hub: Hub, tmp_path: Path) -> None:
    model = wanted(tmp_path)
    errors: list[str] = []

    def second(stage: str, done: int, total: int) -> None:
        if stage.startswith("checking") and not errors:
            with pytest.raises(DownloadFailed) as caught:
                pull(model)
            errors.append(str(caught.value))

    HuggingFaceHub().pull(model, second)
    assert errors == ["m.gguf is being fetched by another aisuite"]
    assert model.path.read_bytes() == BODY


@pytest.mark.parametrize("count", ["00000", "99999"])
def test_a_name_of_no_or_of_countless_files_is_refused_before_the_hub_is_asked(
    count: str, hub: Hub, tmp_path: Path
) -> None:
    assert f"{int(count)} parts" in str(refused(wanted(tmp_path, f"big-00001-of-{count}.gguf")))
    assert hub.asked == []


def beside(folder: Path) -> ModelFile:
    place = folder / "owner--model" / "onnx" / "config.json"
    return ModelFile("model/onnx/config.json", "embedding", place, REPO, "onnx/config.json", "main", None, None)


def test_a_small_file_is_checked_by_what_git_calls_it(hub: Hub, tmp_path: Path) -> None:
    hub.files["config.json"] = b"{}"
    hub.etags["config.json"] = sha1(b"blob 2\0{}").hexdigest()
    model = beside(tmp_path)
    pull(model)
    assert model.path.read_bytes() == b"{}"
    assert {path for _, path, _, _ in hub.asked} == {f"/{REPO}/resolve/main/onnx/config.json"}


def test_a_small_file_that_is_another_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.files["config.json"] = b"[]"
    hub.etags["config.json"] = sha1(b"blob 2\0{}").hexdigest()
    assert "is not what it should be: git's SHA-1" in str(refused(beside(tmp_path)))


def test_a_file_of_which_the_hub_tells_no_digest_is_the_owners_to_bring(hub: Hub, tmp_path: Path) -> None:
    hub.files["config.json"] = b"{}"
    hub.etags["config.json"] = "weak"
    error = refused(beside(tmp_path))
    assert error.hint == f"put the file at {beside(tmp_path).path} yourself"
