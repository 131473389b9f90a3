"""A session in which everything fails, and everything it wrote: no key, secret, signature or listen key is in it.

The venue quotes each request back at us in its error text, as some do. What is searched: every log record of every
library at its most talkative, standard output and error, warnings, the text and repr of what the adapter gave and
holds, and every exception that left it, with the variables of every frame that it passed.
"""

import asyncio
import gzip
import logging
import re
import traceback
import warnings
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection

from bingx_venue import API_KEY, QUICK, SECRET, Say, Seen, StepClock, StubStream, StubVenue, credentials, frame, hosts
from dita.adapters.bingx import api
from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.credentials import CredentialsError, credentials_from_file
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import ENDPOINTS
from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.orders import NewOrder
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.signing import signed_query
from dita.adapters.bingx.stream_events import StreamGap
from dita.adapters.bingx.trading import BingxCloser
from dita.adapters.bingx.transport import Transport
from dita.spec.vocabulary import OrderSide

LISTEN_KEY = "a8ea75681542e66f1a50a1616dd06ed77dab61baa0c296bca03a9b13ee5f2dd7"
LISTEN_PATH = "/openApi/user/auth/userDataStream"
ORDER_PATH = "/openApi/swap/v2/trade/order"


def quoting(status: int, code: int) -> Callable[[Seen], Say]:
    """An answer that repeats the request, key and signature included."""

    def answer(seen: Seen) -> Say:
        quoted = f"wrong: key={seen.headers.get('x-bx-apikey')} received {seen.query}"
        return Say({"code": code, "msg": quoted, "data": {}}, status)

    return answer


class Told:
    """Everything that was written or could be shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.signatures: set[str] = set()
        self.raised = 0

    def exception(self, error: BaseException) -> None:
        """As a handler that prints variables would show it, context and cause included."""
        self.raised += 1
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next  # our own variables are the venue's knowledge
        shown = traceback.TracebackException(type(error), error, trace, capture_locals=True)
        self.texts += ["".join(shown.format()), repr(error), str(error)]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.texts)


@contextmanager
def listening(told: Told) -> Generator[None]:
    """Keep every log record of everybody."""

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "websockets.server":  # the venue's own
                return
            told.texts.append(f"{record.name} {self.format(record)} {record.args!r}")

    root = logging.getLogger()
    keeper = Keeper()
    levels = {logger: logger.level for logger in (root, logging.getLogger("dita"))}
    root.addHandler(keeper)
    for logger in levels:
        logger.setLevel(1)
    try:
        yield
    finally:
        root.removeHandler(keeper)
        for logger, level in levels.items():
            logger.setLevel(level)


async def failing_session(told: Told) -> None:
    """Every call and both ends of a stream, answered by refusals that quote, by silence, and by nothing at all."""

    async def stream_script(stream: StubStream, connection: ServerConnection) -> None:
        stream.received.append("")
        if len(stream.received) == 1:
            await connection.send(frame({"e": "listenKeyExpired", "listenKey": LISTEN_KEY}))
        elif len(stream.received) == 2:
            await connection.send(frame({"e": "x"}))
            await connection.send(gzip.compress(LISTEN_KEY.encode()))

    async with StubVenue().serving() as venue, StubStream(stream_script).serving() as server:
        for method in ("GET", "POST", "PUT", "DELETE"):
            for path in paths():
                venue.on(method, path, quoting(200, 100001), quoting(200, 777777), quoting(500, 100500))
        venue.on("POST", LISTEN_PATH, Say({"listenKey": LISTEN_KEY}))
        venue.on("PUT", LISTEN_PATH, quoting(200, 100401))
        rest = BingxRest.connect(
            hosts(venue.url, server.url), credentials(), StepClock(step_ns=10**8), Random(1), timeouts=QUICK
        )
        desk = OrderDesk(rest, PositionMode.ONE_WAY)
        order = NewOrder("BTC-USDT", "c-1", OrderSide.SELL, True, 10**8, 0, 2 * 10**18)
        stream = AccountStream(rest, {"BTC-USDT"}, Random(1), key_life_seconds=0.1)
        async with stream:
            for _ in range(2):
                for read in reads(rest):
                    try:
                        await read()
                    except VenueError as error:
                        told.exception(error)
            waiting = asyncio.create_task(rest.positions())
            await asyncio.sleep(0)
            waiting.cancel()
            try:
                await waiting
            except asyncio.CancelledError as error:
                told.exception(error)
            told.texts += [repr(await desk.submit(order, None)), repr(await desk.cancel("BTC-USDT", "c-1"))]
            told.texts.append(repr(await BingxCloser(desk).flatten(["BTC-USDT"], "f", rounds=1)))
            events: list[object] = []
            async with asyncio.timeout(20):
                while sum(isinstance(event, StreamGap) for event in events) < 2:
                    events.append(await stream.next_event())
            told.texts += [repr(events), repr(stream.figures()), repr(stream.notices), repr(vars(stream))]
            told.texts += [f"{task!r} {task.get_stack()!r}" for task in asyncio.all_tasks()]
        told.texts += [repr(rest), repr(desk), repr(rest.api), repr(rest.api.transport), repr(rest.api.notices)]
        told.signatures = {seen.parameters["signature"] for seen in venue.seen if "signature" in seen.parameters}
        await rest.aclose()


def paths() -> set[str]:
    """Every path that the adapter knows, but the clock's."""
    return {endpoint.path for endpoint in ENDPOINTS if endpoint.signed}


def reads(rest: BingxRest) -> list[Callable[[], Awaitable[object]]]:
    """Every kind of call."""
    start, end = 1_759_999_999 * 10**9, 1_760_000_000 * 10**9
    key = SecretStr(LISTEN_KEY)
    return [
        rest.positions, rest.position_mode, rest.commission_rates, rest.key_permissions, rest.server_time,
        rest.probe_receive_window,
        lambda: rest.balance("USDT"), lambda: rest.leverage("BTC-USDT"), lambda: rest.margin_mode("BTC-USDT"),
        lambda: rest.open_orders("BTC-USDT"), lambda: rest.all_orders("BTC-USDT", start, end),
        lambda: rest.fill_history("BTC-USDT", start, end), lambda: rest.income(start, end),
        lambda: rest.query_by_client_id("BTC-USDT", "c-1"), lambda: rest.cancel_all_after(10),
        lambda: rest.extend_listen_key(key), lambda: rest.delete_listen_key(key),
    ]  # fmt: skip


def leaks(told: Told) -> list[str]:
    """What of the secrets can be read in what was told."""
    text = told.text
    secrets = {"key": API_KEY, "secret": SECRET, "listen key": LISTEN_KEY}
    secrets |= {f"signature {number}": signature for number, signature in enumerate(sorted(told.signatures))}
    return [name for name, secret in secrets.items() if secret in text]


async def run_it(capfd: pytest.CaptureFixture[str]) -> Told:
    """The session, listened to."""
    told = Told()
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    with warnings.catch_warnings(record=True) as caught, listening(told):
        warnings.simplefilter("always")
        await failing_session(told)
    told.texts += [str(one.message) for one in caught]
    told.texts += list(capfd.readouterr())
    return told


async def test_a_failing_session_writes_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing of what it wrote or raised has a secret in it; and it did fail, talk and sign."""
    told = await run_it(capfd)
    assert leaks(told) == []
    assert told.raised > 30
    assert len(told.signatures) > 15
    assert "httpx" in told.text
    assert "100001" in told.text
    assert "key=… received" in told.text


def plant_token(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(api, "_TOKEN", re.compile("(?!)"))


def plant_log(patch: pytest.MonkeyPatch) -> None:
    real = signed_query

    def talkative(secret: SecretStr, parameters: Mapping[str, str]) -> str:
        logging.getLogger("dita.planted").debug("signing with %s", secret.get_secret_value())
        return real(secret, parameters)

    patch.setattr("dita.adapters.bingx.transport.signed_query", talkative)


def plant_variable(patch: pytest.MonkeyPatch) -> None:
    real = BingxRest.leverage

    name = "planted.py"  # not this file's own frame
    code = compile("async def careless(self, symbol):\n held = secret\n return await real(self, symbol)", name, "exec")
    made: dict[str, object] = {"secret": SECRET, "real": real}
    exec(code, made)  # noqa: S102 - see above
    patch.setattr(BingxRest, "leverage", made["careless"])


def plant_quote(patch: pytest.MonkeyPatch) -> None:
    def as_it_is(_: Transport, text: str) -> str:
        return text

    patch.setattr(Transport, "redacted", as_it_is)


PLANTS: list[tuple[str, str, Callable[[pytest.MonkeyPatch], None]]] = [
    ("key", "a key that is not taken out of what the venue quotes", plant_quote),
    ("signature", "a signature that is not taken out of what the venue quotes", plant_token),
    ("secret", "a secret in a log line", plant_log),
    ("secret", "a secret in a variable of a frame that fails", plant_variable),
]


@pytest.mark.parametrize(("what", "name", "plant"), PLANTS, ids=[name for _, name, _ in PLANTS])
async def test_a_planted_leak_is_found(
    what: str, name: str, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The search would find what it searches for."""
    plant(monkeypatch)
    assert any(leak.startswith(what) for leak in leaks(await run_it(capfd))), name


def test_files_that_hold_credentials_are_not_copied_anywhere(tmp_path: Path) -> None:
    """Reading a credentials file leaves one file, and its error texts have no content in them."""
    path = tmp_path / "keys"
    path.write_text(f"BINGX_API_KEY={API_KEY}\nBINGX_API_SECRET={SECRET}\nwhat={SECRET}\n")
    path.chmod(0o600)
    with pytest.raises(CredentialsError) as caught:
        credentials_from_file(path)
    assert SECRET not in str(caught.value)
    assert [found.name for found in tmp_path.iterdir()] == ["keys"]
