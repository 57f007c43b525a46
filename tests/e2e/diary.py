"""A service that the suite does not know: it keeps pages in SQLite, and answers a write when it is on the disk.

    diary.py PORT DATABASE

POST /write with text adds a page, GET /pages counts them, POST /reconcile does nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def main() -> None:
    os.umask(0o077)
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE IF NOT EXISTS pages (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")

        class Pages(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # an answer is two sends: the second would wait 40 ms for the client

            def do_GET(self) -> None:
                (count,) = database.execute("SELECT count(*) FROM pages").fetchone()
                self._answer({"pages": count})

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                if self.path == "/write":
                    database.execute("INSERT INTO pages (text) VALUES (?)", (text,))
                self._answer({"requeued": 0, "deleted": 0})

            def _answer(self, body: dict[str, int]) -> None:
                content = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        HTTPServer(("127.0.0.1", port), Pages).serve_forever()


if __name__ == "__main__":
    main()
