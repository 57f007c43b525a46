"""A small HTTP server that says what a test has laid down."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """One answer; `cut` closes the connection before the body that was promised is out."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    hang: bool = False  # never answers


@dataclass
class Server:
    """A running server; `requests` is what it was asked, `replies` are given in order, the last one for ever."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve(replies: Sequence[Reply]) -> Iterator[Server]:
    """Serve on a free port of 127.0.0.1."""
    server = Server(replies=list(replies))

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            server.requests.append((self.command, self.path, dict(self.headers), body))
            reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
            if reply.hang:
                server.closing.wait()
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) + reply.cut))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_request(self, *_: object) -> None:
            """Stay silent."""

    for verb in ("GET", "POST", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler.answer)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server.url = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            listener.shutdown()
            thread.join()
