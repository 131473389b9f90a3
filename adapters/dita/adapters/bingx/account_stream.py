"""The account stream: listen key, connection, and typed events (BingX, websocket account data).

A session gets a new key, opens the socket and is live from the first frame that is not the expiry of its key. Nothing
is replayed by the venue after an outage, and there are no sequence numbers: whoever listens reads again after each gap.

A key that cannot be extended is replaced while it still lives: a second socket with a new key is heard before the first
one is dropped, so that nothing is missed and there is no gap. Meanwhile events come twice, which the memories of the
orders bear. A key that the venue no longer knows may have ended at any time since it was last seen alive: a gap from
then on.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

from dita.adapters.bingx.errors import ErrorClass, VenueError, VenueRefused
from dita.adapters.bingx.frames import AccountChange, AccountFrame, BalanceFrame, OrderFrame, PositionFrame
from dita.adapters.bingx.json_text import as_object
from dita.adapters.bingx.messages import MessageError, nanoseconds, read_message
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.stream_base import ResilientStream
from dita.adapters.bingx.stream_events import AccountUpdate, OrderUpdate
from dita.adapters.bingx.units import UnitsError
from dita.adapters.bingx.websocket import Cause, Socket, StreamEnded, open_socket
from dita.adapters.logic.rows import OrderState
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

SILENCE_SECONDS: Final = 15.0  # the venue's heartbeat comes every five seconds
_KEY_LIFE_SECONDS: Final = 3600.0  # from its creation or its last extension
# In parts of that life: extended at the half, tried again every sixtieth, replaced after five sixths.
_EXTEND_AT: Final = 1 / 2
_EXTEND_AGAIN: Final = 1 / 60
_EXTEND_TRIES_MAX: Final = 20
_RELEASE_SECONDS: Final = 2.0
_EXPIRED: Final = "listenKeyExpired"
_ORDER_EVENTS: Final = frozenset({"ORDER_TRADE_UPDATE", "TRADE_UPDATE"})  # both names are documented for one body

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Line:
    """One socket and its key. ``reader`` ends only by raising; ``heard`` is done with the first frame."""

    key: SecretStr
    sockets: AsyncExitStack
    alive_ns: int  # the key lived then
    heard: asyncio.Future[None]
    reader: asyncio.Task[None] = field(init=False)

    async def aclose(self) -> None:
        """Give back socket and task. Calling it again is harmless."""
        self.heard.cancel()
        self.reader.cancel()
        await asyncio.gather(self.reader, return_exceptions=True)
        await self.sockets.aclose()


class AccountStream(ResilientStream[OrderUpdate | AccountUpdate]):
    """Orders of ``symbols`` (of all, when none is named) and account changes, as they are pushed."""

    def __init__(
        self,
        rest: BingxRest,
        symbols: Collection[str],
        rng: Random,
        *,
        queue_max: int = 10_000,
        silence_seconds: float = SILENCE_SECONDS,
        key_life_seconds: float = _KEY_LIFE_SECONDS,
    ) -> None:
        super().__init__("account stream", rest.api.transport.venue_now_ns, rng, queue_max)
        self._rest = rest
        self._symbols = frozenset(symbols)
        self._silence_seconds = silence_seconds
        self._key_life_seconds = key_life_seconds
        self._listen_key: SecretStr | None = None
        self._lines: list[_Line] = []
        self.changes = 0  # keys that were replaced without a gap

    def figures(self) -> dict[str, int]:
        """The counters by name, for whoever shows them; times in nanoseconds."""
        return {**super().figures(), "changes": self.changes}

    async def _session(self) -> None:
        try:
            line = await self._open_line(await self._rest.create_listen_key())
            while True:
                await self._listen(line)
                line = await self._change_over(line)
        finally:
            for line in self._lines:
                await line.aclose()
            self._lines.clear()

    async def _open_line(self, key: SecretStr) -> _Line:
        """A socket with this key, and its reader. Raises StreamEnded."""
        self._listen_key = key
        asked_ns, sockets = self._now_ns(), AsyncExitStack()
        url = _with_key(self._rest.api.hosts.account_stream, key)
        socket = await sockets.enter_async_context(open_socket(url, self._now_ns, self._silence_seconds))
        line = _Line(key, sockets, asked_ns, asyncio.get_running_loop().create_future())
        self._lines.append(line)
        line.reader = asyncio.create_task(self._read(socket, line), name="account stream reader")
        return line

    async def _listen(self, line: _Line) -> None:
        """Return when the line's key is about to end. Raises why it cannot be listened to any more."""
        keeper = asyncio.create_task(self._keep_key(line), name="listen key keeper")
        try:
            await asyncio.wait({line.reader, keeper}, return_when=asyncio.FIRST_COMPLETED)
            for task in (keeper, line.reader):
                if task.done():
                    task.result()  # raises why it ended
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _change_over(self, line: _Line) -> _Line:
        """A line with a new key, heard before this one is dropped. Raises why this one ended, if that comes first."""
        opening = asyncio.create_task(self._successor(line), name="listen key change")
        try:
            await asyncio.wait({opening, line.reader}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                line.reader.result()  # raises why it ended
            successor = opening.result()
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        if successor is not line:
            self._lines.remove(line)
            await line.aclose()  # its key is left to end by itself
            self.changes += 1
        return successor

    async def _successor(self, line: _Line) -> _Line:
        """A line that was heard; the same one when the venue gives out the same key, which lives on then."""
        while True:
            try:
                key = await self._rest.create_listen_key()
                if key == line.key:
                    line.alive_ns = self._now_ns()
                    return line
                successor = await self._open_line(key)
                await asyncio.wait({successor.heard, successor.reader}, return_when=asyncio.FIRST_COMPLETED)
                if successor.heard.done():
                    return successor
                successor.reader.result()  # raises why it ended
            except (VenueError, StreamEnded) as error:
                log.warning("account stream: no second connection for a new listen key yet: %s", error)
            for failed in [other for other in self._lines if other is not line]:
                self._lines.remove(failed)
                await failed.aclose()
            await asyncio.sleep(self._key_life_seconds * _EXTEND_AGAIN)

    async def _release(self) -> None:
        if self._listen_key is None:
            return
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._rest.delete_listen_key(self._listen_key)
        except (VenueError, TimeoutError) as error:
            log.info("listen key: not deleted (%s); it expires within the hour", type(error).__name__)

    async def _keep_key(self, line: _Line) -> None:
        """Extend the key; return when that has failed for so long that it is about to end."""
        tries = 0
        while tries <= _EXTEND_TRIES_MAX:
            await asyncio.sleep(self._key_life_seconds * (_EXTEND_AGAIN if tries else _EXTEND_AT))
            asked_ns = self._now_ns()
            try:
                await self._rest.extend_listen_key(line.key)
                tries, line.alive_ns = 0, asked_ns
            except VenueError as error:
                if _key_is_gone(error):
                    raise StreamEnded(
                        Cause.KEY, f"listen key could not be extended: {error}", since_ns=line.alive_ns
                    ) from None
                tries += 1

    async def _read(self, socket: Socket, line: _Line) -> None:
        while True:
            document = await socket.receive()
            self._saw_frame(socket.last_frame_ns)
            members = None if document is None else as_object(document)
            said = None if members is None else read_message(AccountFrame, members, "account frame")
            if said is not None and said.event == _EXPIRED and said.listen_key in (SecretStr(""), line.key):
                raise StreamEnded(Cause.KEY, "listen key expired")
            self._became_live()
            if not line.heard.done():
                line.heard.set_result(None)
            if said is not None:
                line.alive_ns = socket.last_frame_ns
                self._take(said)

    def take(self, document: Mapping[str, object]) -> None:
        """One document of the stream, to events. Raises StreamEnded when what it said of an order cannot be read."""
        self._take(read_message(AccountFrame, document, "account frame"))

    def _take(self, frame: AccountFrame) -> None:
        if frame.event in _ORDER_EVENTS:
            self._order_frame(frame.order, frame.time_ms or self._now_ns() // NANOSECONDS_PER_MILLISECOND)
        elif frame.event == _EXPIRED:
            self.ignored += 1  # of another key of the account: the one that was replaced
        elif frame.event == "ACCOUNT_UPDATE":
            self._push(self._account_update(frame.account, frame.time_ms))
        elif not frame.event and frame.code not in (None, "0"):
            raise StreamEnded(Cause.REFUSED, f"the venue sent error code `{frame.code[:20]}`")
        else:
            self.ignored += 1
            if frame.event:
                self.notices.tell(f"e: `{frame.event[:40]}` is no event we know; left out")

    def _order_frame(self, body: object, time_ms: int) -> None:
        symbol = (as_object(body) or {}).get("s")
        if self._symbols and isinstance(symbol, str) and symbol not in self._symbols:
            self.ignored += 1
            return
        try:
            row = read_message(OrderFrame, body, "order frame").to_row(time_ms)
        except (MessageError, UnitsError) as error:
            # What it said must not be lost: end the session, and the caller reads the orders again.
            raise StreamEnded(Cause.UNREADABLE, f"unreadable order frame: {error}") from None
        if row.state is OrderState.OTHER:
            self.notices.tell(f"order frame: X `{row.status_text}` is no status we know; taken as not over")
        self._push(OrderUpdate(row, nanoseconds(time_ms)))

    def _account_update(self, body: object, time_ms: int) -> AccountUpdate:
        """An unreadable row is left out: the event is a reason to read the account, never a source of figures."""
        change = read_message(AccountChange, as_object(body) or {}, "account update")
        wallets: list[tuple[str, int]] = []
        for row in change.balances:
            try:
                balance = read_message(BalanceFrame, row, "balance frame")
                units = balance.wallet_units()
                if units is not None:
                    wallets.append((balance.asset, units))
            except (MessageError, UnitsError) as error:
                self._leave_out(str(error))
        symbols: list[str] = []
        for row in change.positions:
            try:
                symbols.append(read_message(PositionFrame, row, "position frame").symbol)
            except MessageError as error:
                self._leave_out(str(error))
        return AccountUpdate(
            reason=change.reason,
            event_ns=nanoseconds(time_ms),
            wallets=tuple(wallets),
            symbols=tuple(symbols),
        )

    def _leave_out(self, why: str) -> None:
        self.ignored += 1
        self.notices.tell(why)


def _with_key(url: str, key: SecretStr) -> SecretStr:
    return SecretStr(f"{url}?listenKey={quote(key.get_secret_value(), safe='')}")


def _key_is_gone(error: VenueError) -> bool:
    if not isinstance(error, VenueRefused):
        return False
    passing = error.meaning.klass in (ErrorClass.RATE_LIMITED, ErrorClass.EXCHANGE_BUSY)
    return not passing and error.status < 500
