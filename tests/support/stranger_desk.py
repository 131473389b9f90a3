"""The test's end of the strangers' process: one process a session, one client a test, numbers compared exactly."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from pydantic import SecretStr

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.endpoints import Hosts
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.exchange import ExchangeConfig, ExchangeServer, StreamRules
from exchange_client import KEY, SECRET, exchange_config

SCRIPT = Path(__file__).with_name("strangers.py")
PYTHON = Path(sys.prefix) / "strangers" / "bin" / "python"


def strangers_python() -> str:
    """The interpreter of the environment in which other people's clients live."""
    assert PYTHON.exists(), f"{PYTHON} is missing: run `make strangers`"
    return str(PYTHON)


class StrangerError(Exception):
    """What a stranger's client raised: the name of its class, and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class StrangerProcess:
    """Requests and answers, one at a time; the caller's loop goes on while a stranger works."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [strangers_python(), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._count = 0

    async def ask(self, **request: Any) -> Any:
        """The answer, or StrangerError."""
        line = await asyncio.to_thread(self._ask, json.dumps(request))
        assert line, "the strangers' process has ended"
        answer = json.loads(line, parse_float=Decimal)
        if "error" in answer:
            raise StrangerError(answer["error"], answer["text"])
        return answer["ok"]

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def name(self) -> str:
        """A name that no client has yet."""
        self._count += 1
        return f"client {self._count}"

    def end(self) -> None:
        """Close its input and wait for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._process.stdout.close()


class Stranger:
    """One client in that process."""

    def __init__(self, process: StrangerProcess, name: str) -> None:
        self._process = process
        self._name = name

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """What the method returns. Raises StrangerError."""
        return await self._process.ask(on=self._name, call=method, args=arguments, kwargs=named)

    async def error(self, method: str, *arguments: Any, **named: Any) -> str:
        """The class of what the method raises."""
        try:
            result = await self.call(method, *arguments, **named)
        except StrangerError as error:
            return error.kind
        raise AssertionError(f"{method} returned {result}")

    async def watch(self, method: str, *arguments: Any) -> None:
        """Call it again and again from now on."""
        await self._process.ask(on=self._name, watch=method, args=arguments)

    async def options(self, **changes: Any) -> None:
        """Change the client's options."""
        await self._process.ask(on=self._name, set="options", to=changes)

    async def seen(self, method: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """What the watching has brought, as soon as it is enough; a test's own timeout ends a hopeless wait.

        Raises StrangerError when the watching has ended with an exception.
        """

        def judged(found: list[Any]) -> bool:
            last: Any = found[-1] if found else None
            if isinstance(last, dict) and "error" in last:
                raise StrangerError(str(last["error"]), str(last["text"]))  # pyright: ignore[reportUnknownArgumentType] - any JSON
            return enough(found)

        brought: list[Any] = await self._until(judged, on=self._name, seen=method)
        return brought

    async def stream_open(self) -> None:
        """Wait until the account's stream is connected."""
        await self._until(bool, on=self._name, call=".stream_is_open")

    async def heard(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """What the second client's socket has brought."""
        brought: list[Any] = await self._until(enough, on=self._name, call=".seen")
        return brought

    async def _until(self, enough: Callable[[Any], bool], **request: Any) -> Any:
        while not enough(found := await self._process.ask(**request)):  # noqa: ASYNC110  it happens in another process
            await asyncio.sleep(0.02)
        return found

    async def end(self) -> None:
        """Close its sockets."""
        await self._process.ask(on=self._name, end=True)


@asynccontextmanager
async def stranger(
    process: StrangerProcess, kind: str, server: ExchangeServer, secret: str = SECRET
) -> AsyncGenerator[Stranger]:
    """A new client of that kind, pointed at the server."""
    name = process.name()
    await process.ask(
        make=kind, **{"as": name}, rest=server.rest_url, stream=server.ws_url, key=KEY, secret=secret
    )  # fmt: skip
    client = Stranger(process, name)
    try:
        yield client
    finally:
        await client.end()


@asynccontextmanager
async def live_exchange(*, hedge: bool = True, **parts: Any) -> AsyncGenerator[ExchangeServer]:
    """A started exchange on the system's clock, which is the strangers' too. Heartbeats and noise come quickly."""
    rules = StreamRules(ping_interval_ms=200, snapshot_interval_ms=150)
    config: ExchangeConfig = exchange_config(**{"streams": rules, **parts})
    config = replace(config, accounts=(replace(config.accounts[0], hedge_mode=hedge),))
    server = ExchangeServer(config)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def our_reads(server: ExchangeServer) -> AsyncGenerator[BingxRest]:
    """The adapter's own reads of the same account."""
    hosts = Hosts(server.rest_url, None, server.ws_url, server.ws_url, server.config.wire.settlement_asset)
    rest = BingxRest.connect(hosts, Credentials(SecretStr(KEY), SecretStr(SECRET)), SystemClock(), Random(1))
    try:
        yield rest
    finally:
        await rest.aclose()


def units(text: Any, digits: int) -> int:
    """Decimal text in units of 10^-digits; anything finer is an error."""
    scaled = Decimal(str(text)).scaleb(digits)
    assert scaled == scaled.to_integral_value(), text
    return int(scaled)
