"""ClickHouse's HTTP interface, as far as clickhouse-connect uses it, in front of the embedded engine. For tests only.

No current server can be installed from a package registry, so this is how the client's way over HTTP is tried: real
requests, a real engine, no server of ClickHouse's. ``python tests/support/clickhouse_front.py FOLDER PORT`` serves.
"""

import re
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import chdb
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_INSERT = re.compile(rb"\s*INSERT INTO (?P<into>.+?) FORMAT (?P<format>\w+)[^\S\n]*\n", re.IGNORECASE | re.DOTALL)
_FORMAT = re.compile(r"\sFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_NOT_SETTINGS = {"query", "database", "query_id", "session_id", "user", "password", "wait_end_of_query"}


class Front:
    """One engine; one request at a time."""

    def __init__(self, folder: str) -> None:
        self._engine: Any = chdb.connect(folder)
        self._lock = threading.Lock()

    async def answer(self, request: Request) -> Response:
        """Carry a request out in a thread."""
        body = await request.body()
        return await run_in_threadpool(self._answer, dict(request.query_params), body)

    def _answer(self, given: dict[str, str], body: bytes) -> Response:
        parameters = {name.removeprefix("param_"): text for name, text in given.items() if name.startswith("param_")}
        settings = {
            name: text for name, text in given.items() if name not in _NOT_SETTINGS and not name.startswith("param_")
        }
        try:
            with self._lock:
                if database := given.get("database"):
                    self._engine.query(f"USE {database}")
                return self._run(given.get("query", ""), body, settings, parameters)
        except Exception as error:  # noqa: BLE001 - whatever the engine says, the client is told as ClickHouse tells it
            code = re.search(r"Code: (\d+)", str(error))
            headers = {"X-ClickHouse-Exception-Code": code[1] if code else "1"}
            return Response(str(error), 404 if code and code[1] == "60" else 500, headers)

    def _run(self, query: str, body: bytes, settings: dict[str, str], parameters: dict[str, str]) -> Response:
        clause = ", ".join(f"{name} = '{text}'" for name, text in settings.items() if name in _KNOWN)
        insert = _INSERT.match(body)
        if insert is not None:
            with tempfile.NamedTemporaryFile(suffix=".insert") as file:
                file.write(body[insert.end() :])
                file.flush()
                into, form = insert["into"].decode(), insert["format"].decode()
                with_settings = f" SETTINGS {clause}" if clause else ""
                self._engine.query(f"INSERT INTO {into} FROM INFILE '{file.name}'{with_settings} FORMAT {form}")
            return Response(b"", headers={"X-ClickHouse-Summary": "{}"})
        text = query or body.decode()
        form_found = _FORMAT.search(text)
        form = "TabSeparated" if form_found is None else form_found[1]
        text = _FORMAT.sub("", text)
        if clause:
            text = re.sub(r";?\s*$", "", text) + (", " if " SETTINGS " in text else " SETTINGS ") + clause
        found = self._engine.query(text, form, params=parameters)
        return Response(found.bytes(), headers={"X-ClickHouse-Summary": "{}", "X-ClickHouse-Format": form})


_KNOWN = {"final", "async_insert", "insert_deduplication_token"}


def serve(folder: str, port: int) -> None:
    """Serve until told to end."""
    front = Front(folder)
    app = Starlette(routes=[Route("/{rest:path}", front.answer, methods=["GET", "POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", lifespan="off")


if __name__ == "__main__":
    serve(str(Path(sys.argv[1]).resolve()), int(sys.argv[2]))
