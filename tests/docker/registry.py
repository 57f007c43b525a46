"""A registry on this machine: the read half of its protocol, for images of one file."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.bed.place import Bed

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Registry:
    """Manifests by tag and by digest, and blobs by digest."""

    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    refuse: int | None = None
    host: str = ""

    def push(self, tag: str, content: bytes) -> str:
        """Add an image of one file and return its digest."""
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            entry = tarfile.TarInfo("file")
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        packed = gzip.compress(layer.getvalue(), compresslevel=0, mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [digest(layer.getvalue())]},
            }
        ).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self._blob("application/vnd.docker.container.image.v1+json", config),
                "layers": [self._blob("application/vnd.docker.image.rootfs.diff.tar.gzip", packed)],
            }
        ).encode()
        self.manifests |= {tag: manifest, digest(manifest): manifest}
        return digest(manifest)

    def _blob(self, kind: str, content: bytes) -> dict[str, object]:
        self.blobs[digest(content)] = content
        return {"mediaType": kind, "size": len(content), "digest": digest(content)}

    def find(self, path: str) -> tuple[str, bytes] | None:
        kind, name = path.split("/")[-2:]
        found = self.manifests.get(name) if kind == "manifests" else self.blobs.get(name)
        return None if found is None else (MANIFEST if kind == "manifests" else "application/octet-stream", found)


def digest(content: bytes) -> str:
    return "sha256:" + sha256(content).hexdigest()


@contextmanager
def serving(bed: Bed) -> Iterator[Registry]:
    """Serve a registry, which Docker takes without TLS on 127.0.0.1; what was fetched from it is removed at the end."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found = ("application/json", b"{}") if self.path == "/v2/" else registry.find(self.path)
            status = registry.refuse or (404 if found is None else 200)
            code = {404: "MANIFEST_UNKNOWN", 401: "UNAUTHORIZED", 429: "TOOMANYREQUESTS"}.get(status, "")
            refusal = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
            kind, body = found if found is not None and status == 200 else ("application/json", refusal)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_request(self, *_: object) -> None:
            """Stay silent."""

    for verb in ("GET", "HEAD"):
        setattr(Handler, f"do_{verb}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.host = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
            if fetched := bed.docker("image", "ls", "--quiet", "--filter", f"reference={registry.host}/*/*").split():
                bed.docker("image", "rm", "--force", *set(fetched))
