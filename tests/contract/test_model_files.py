"""Headers of models on the hub, read from a small server that gives parts of files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aisuite.adapters.gguf_file import GgufFiles
from aisuite.errors import DownloadFailed, ModelBroken, ModelMissing, UsageError
from aisuite.ports.models import ModelFiles
from tests.fakes.gguf_writer import Gguf, Typed, transformer
from tests.fakes.models import FakeModelFiles

SOURCE = "hf:owner/model-GGUF/tiny.gguf"
TOKEN = "hf_not_to_be_seen"
ADDRESS = "/owner/model-GGUF/resolve/main/tiny.gguf"


@dataclass
class Hub:
    """What the hub holds, how it behaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    whole: bool = False  # ignores ranges
    short: bool = False  # gives less than asked
    elsewhere: str | None = None  # where the files really lie
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            hub.asked.append((self.path, wanted, self.headers.get("Authorization")))
            content = hub.files.get(self.path)
            if hub.status or content is None or wanted is None:
                self.send_error(hub.status or 404)
                return
            if hub.elsewhere and not self.headers["Host"].startswith("localhost"):
                self.send_response(302)
                self.send_header("Location", hub.elsewhere + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            first, last = (int(place) for place in wanted.removeprefix("bytes=").split("-"))
            body = content if hub.whole else content[first : first + 1 if hub.short else last + 1]
            self.send_response(200 if hub.whole else 206)
            if not hub.whole:
                self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{len(content)}")
            for name, text in hub.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}/")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def files(tmp_path: Path) -> GgufFiles:
    return GgufFiles(tmp_path / "cache")


@pytest.mark.parametrize("kind", ["fake", "real"])
def test_what_is_there_has_a_shape_and_what_is_not_is_named(kind: str, tmp_path: Path, hub: Hub) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(transformer().file())
    hub.files[ADDRESS] = path.read_bytes()
    real = GgufFiles(tmp_path / "cache")
    shape = real.shape(path)
    door: ModelFiles = real if kind == "real" else FakeModelFiles({str(path): shape, SOURCE: shape})
    assert door.shape(path) == door.remote_shape(SOURCE) == shape
    for ask in (lambda: door.shape(tmp_path / "no.gguf"), lambda: door.remote_shape("hf:owner/model-GGUF/no.gguf")):
        with pytest.raises(ModelMissing) as caught:
            ask()
        assert [one.name for one in caught.value.missing] == ["no.gguf"]


def test_a_small_header_takes_one_request_with_the_token(hub: Hub, files: GgufFiles) -> None:
    hub.files[ADDRESS] = transformer().file()
    assert files.remote_shape(SOURCE).layers == 2
    assert hub.asked == [(ADDRESS, f"bytes=0-{2 * 2**20 - 1}", f"Bearer {TOKEN}")]


def test_a_large_header_takes_few_requests_and_never_the_data(hub: Hub, files: GgufFiles) -> None:
    tiny = transformer()
    metadata = {**tiny.metadata, "tokenizer.ggml.merges": ["x" * 1000] * 5000}
    hub.files[ADDRESS] = Gguf(metadata, [*tiny.tensors, ("output.weight", (2**20, 4), "F32")]).file()
    assert not files.remote_shape(SOURCE).tied
    assert [wanted for _, wanted, _ in hub.asked] == ["bytes=0-2097151", "bytes=2097152-6291455"]


def test_a_revision_and_a_folder_of_the_repository_can_be_named(hub: Hub, files: GgufFiles) -> None:
    hub.files["/owner/repo/resolve/refs%2Fpr%2F1/Q4/tiny.gguf"] = transformer().file()
    assert files.remote_shape("hf:owner/repo/Q4/tiny.gguf@refs/pr/1").layers == 2


def test_a_split_model_is_read_from_all_its_parts(hub: Hub, files: GgufFiles) -> None:
    tiny = transformer()
    split = {"split.count": Typed(2, 2)}
    first = Gguf({**tiny.metadata, **split, "split.no": Typed(2, 0)}, tiny.tensors[:8]).file()
    second = Gguf({**split, "split.no": Typed(2, 1)}, tiny.tensors[8:]).file()
    for number, content in enumerate((first, second), 1):
        hub.files[f"/owner/repo/resolve/main/m-{number:05d}-of-00002.gguf"] = content
    shape = files.remote_shape("hf:owner/repo/m-00001-of-00002.gguf")
    assert shape.file_bytes == len(first) + len(second)


def test_the_token_is_not_given_to_another_host(hub: Hub, files: GgufFiles) -> None:
    hub.files[ADDRESS] = transformer().file()
    hub.elsewhere = os.environ["HF_ENDPOINT"].replace("127.0.0.1", "localhost").rstrip("/")
    assert files.remote_shape(SOURCE).layers == 2
    assert [authorization for _, _, authorization in hub.asked] == [f"Bearer {TOKEN}", None]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"status": 401}, "not open to you (401)"),
        ({"status": 403}, "not open to you (403)"),
        ({"status": 500}, "the hub answers 500"),
        ({"whole": True}, "gives no parts of files"),
        ({"short": True}, "less than it was asked for"),
        ({"headers": {"Content-Encoding": "gzip"}}, "packs what it sends"),
    ],
)
def test_a_hub_that_does_not_give_the_header_is_named(
    behaviour: dict[str, object], words: str, hub: Hub, files: GgufFiles
) -> None:
    hub.files[ADDRESS] = transformer().file()
    for name, one in behaviour.items():
        setattr(hub, name, one)
    with pytest.raises(DownloadFailed) as caught:
        files.remote_shape(SOURCE)
    assert words in caught.value.message
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"


def test_a_hub_that_is_not_there_is_named(files: GgufFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadFailed, match="cannot be read") as caught:
        files.remote_shape(SOURCE)
    assert caught.value.hint == "check the network and HF_ENDPOINT"


@pytest.mark.parametrize("content", [b"", b"<!doctype html>", transformer().file()[:-4000]])
def test_a_file_that_is_no_whole_model_is_refused(content: bytes, hub: Hub, files: GgufFiles) -> None:
    hub.files[ADDRESS] = content or b"GG"
    with pytest.raises(ModelBroken, match=r"hf:owner/model-GGUF/tiny\.gguf: "):
        files.remote_shape(SOURCE)


@pytest.mark.parametrize(
    "source",
    [
        "owner/repo/m.gguf",
        "hf:m.gguf",
        "hf:owner/m.gguf",
        "hf:owner/repo/../m.gguf",
        "hf:../repo/m.gguf",
        "hf:owner/repo/m.gguf@",
        "hf:owner/repo/m.gguf@../x",
        "hf:owner/repo/m.gguf?x=1",
        "hf:owner/repo/m.gguf#x",
        "hf:owner//m.gguf",
        "hf:owner/repo/a b.gguf",
    ],
)
def test_a_name_of_another_form_is_refused_without_a_request(source: str, hub: Hub, files: GgufFiles) -> None:
    with pytest.raises(UsageError, match="names no model on the hub"):
        files.remote_shape(source)
    assert hub.asked == []
