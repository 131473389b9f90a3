"""Clients of BingX that nobody here wrote, in a process of their own: ``python strangers.py``.

Each line of standard input is a JSON request, each line of output its answer:
``{"make": "ccxt", "as": "a", "rest": URL, "stream": URL, "key": K, "secret": S}`` makes a client;
``{"on": "a", "call": "fetch_order", "args": [...], "kwargs": {...}}`` calls it; a name with dots goes through members;
``{"on": "a", "watch": "watch_orders", "args": [...]}`` calls it again and again from now on;
``{"on": "a", "seen": "watch_orders"}`` gives what that has returned so far;
``{"on": "a", "set": "options", "to": {...}}`` changes options; ``{"on": "a", "end": true}`` closes it.
An answer is ``{"ok": value}`` or ``{"error": class, "text": text}``.
"""

import asyncio
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from typing import Any, Final

Answer = dict[str, Any]
_SEEN_MAX: Final = 1000


class Ccxt:
    """REST and streams of one library; numbers arrive as decimal text instead of floats."""

    def __init__(self, request: dict[str, Any]) -> None:
        pro: Any = importlib.import_module("ccxt.pro")
        self.client: Any = pro.bingx({"apiKey": request["key"], "secret": request["secret"], "enableRateLimit": False})
        self.client.number = str
        rest, stream = f"{request['rest']}/openApi", request["stream"]
        other = stream.removesuffix("/swap-market") + "/market"
        addresses = {name: rest for name in self.client.urls["api"] if name != "ws"}
        self.client.urls["api"] = {**addresses, "ws": {"linear": stream, "spot": other, "inverse": f"{other}-inverse"}}
        self.client.options.update(sandboxMode=True, defaultType="swap")

    def stream_is_open(self) -> bool:
        """Whether the account's stream is connected."""
        streams = self.client.clients.items()
        return any("listenKey" in url and client.connected.done() for url, client in streams)

    async def end(self) -> None:
        """Close every socket."""
        await self.client.close()


class Bixpy:
    """A library of its own signing, built on other HTTP and websocket clients; its calls block."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._perpetual: Any = importlib.import_module("Bixpy.perpetual")
        account: Any = importlib.import_module("Bixpy.account")
        keys = {"api_key": request["key"], "secret_key": request["secret"], "base_url": request["rest"], "timeout": 10}
        self.client: Any = self._perpetual.Perpetual(**keys)
        self.client.keys = account.Account(**keys).listen_key
        self.client.place = self._place
        self._stream = request["stream"]
        self._socket: Any = None
        self.seen: list[object] = []

    def _place(self, **order: Any) -> object:
        return self.client.trade.place_order(self._perpetual.PerpetualOrder(**order))

    def listen(self, listen_key: str) -> None:
        """Open the account's stream, or with an empty key the market's; what arrives is kept."""
        url = f"{self._stream}?listenKey={listen_key}" if listen_key else self._stream

        def message(manager: Any, data: object) -> None:
            if data == "Ping":
                manager.send_message("Pong")
            else:
                self.seen.append(data)

        def error(_: object, problem: Exception) -> None:
            self.seen.append({"error": str(problem)})

        self._socket = self._perpetual.PerpetualWebsocket(stream_url=url, on_message=message, on_error=error)

    def subscribe(self, topic: str) -> None:
        """Ask for a market topic."""
        self._socket.subscribe(topic)

    async def end(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            await asyncio.to_thread(self._socket.stop)


class House:
    """All clients of this process."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._seen: dict[tuple[str, str], list[object]] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    async def answer(self, request: dict[str, Any]) -> Answer:
        """One request, carried out."""
        if "make" in request:
            kinds: dict[str, Callable[[dict[str, Any]], Any]] = {"ccxt": Ccxt, "bixpy": Bixpy}
            self._clients[request["as"]] = await asyncio.to_thread(kinds[request["make"]], request)
            return {"ok": None}
        name: str = request["on"]
        stranger = self._clients[name]
        if "watch" in request:
            found = self._seen.setdefault((name, request["watch"]), [])
            task = asyncio.create_task(_watch(stranger.client, request["watch"], request.get("args", []), found))
            self._tasks.setdefault(name, []).append(task)
            return {"ok": None}
        if "seen" in request:
            return {"ok": self._seen[name, request["seen"]]}
        if "set" in request:
            getattr(stranger.client, request["set"]).update(request["to"])
            return {"ok": None}
        if "end" in request:
            for task in self._tasks.pop(name, []):
                task.cancel()
            await stranger.end()
            del self._clients[name]
            return {"ok": None}
        return {"ok": await _call(stranger, request)}


async def _call(stranger: Any, request: dict[str, Any]) -> object:
    target = stranger.client
    if request["call"].startswith("."):  # a method of ours around the client
        target, path = stranger, request["call"][1:]
    else:
        path = request["call"]
    for part in path.split("."):
        target = getattr(target, part)
    if not callable(target):
        return target
    arguments, named = request.get("args", []), request.get("kwargs", {})
    if inspect.iscoroutinefunction(target):
        return await target(*arguments, **named)
    result = await asyncio.to_thread(target, *arguments, **named)
    return await result if inspect.iscoroutine(result) else result


async def _watch(client: Any, method: str, arguments: list[Any], found: list[object]) -> None:
    while len(found) < _SEEN_MAX:
        try:
            found.append(await getattr(client, method)(*arguments))
        except Exception as error:  # noqa: BLE001 - whatever a stranger raises is what the test wants to see
            found.append({"error": type(error).__name__, "text": str(error)})
            return


async def main() -> None:
    """Answer until standard input ends. What the libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    house = House()
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            answer = await house.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 - the caller judges what went wrong
            answer = {"error": type(error).__name__, "text": str(error)}
        await asyncio.to_thread(answers.write, json.dumps(answer, default=str) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
