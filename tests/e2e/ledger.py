"""A service in several versions: it migrates what it keeps when it starts, or fails in a way of its own.

    ledger.py PORT DATABASE SCHEMA [migration | ill]

GET /rows tells the schema and the rows; every other GET is how it is. `migration`: the last step of migrating fails.
`ill`: it is well for the first few questions only.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

WELL_FOR = 4  # questions


def migrate(database: sqlite3.Connection, schema: int, fault: str) -> None:
    (now,) = database.execute("PRAGMA user_version").fetchone()
    if now > schema:
        sys.exit(f"error: the schema is {now}, and this version knows {schema}")
    for number in range(now + 1, schema + 1):
        database.execute("BEGIN IMMEDIATE")
        database.execute(f"CREATE TABLE rows_{number} (text TEXT)")
        if fault == "migration" and number == schema:
            sys.exit(f"error: migration {number} failed")
        database.execute(f"PRAGMA user_version = {number}")
        database.execute("COMMIT")


def main() -> None:
    port, path, schema, fault = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), "".join(sys.argv[4:])
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        migrate(database, schema, fault)

        class Ledger(BaseHTTPRequestHandler):
            asked = 0

            def do_GET(self) -> None:
                Ledger.asked += 1
                if self.path == "/rows":
                    rows = [text for (text,) in database.execute("SELECT text FROM rows_1 ORDER BY rowid")]
                    self._answer(200, {"schema": schema, "rows": rows})
                else:
                    self._answer(503 if fault == "ill" and Ledger.asked > WELL_FOR else 200, {})

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                database.execute("INSERT INTO rows_1 VALUES (?)", (text,))
                self._answer(200, {})

            def _answer(self, code: int, body: dict[str, object]) -> None:
                content = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        HTTPServer(("127.0.0.1", port), Ledger).serve_forever()


if __name__ == "__main__":
    main()
