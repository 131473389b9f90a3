"""The market stream of some symbols: best bid and ask, and if wanted trades, the top of the book and the mark price.

BingX, websocket market data.
"""

import asyncio
from collections.abc import Collection, Mapping
from random import Random
from typing import Final

from pydantic import SecretStr

from dita.adapters.bingx.account_stream import SILENCE_SECONDS
from dita.adapters.bingx.clock import Clock
from dita.adapters.bingx.frames import BookTickerFrame, DepthFrame, MarketFrame, MarketTradeFrame, MarkPriceFrame
from dita.adapters.bingx.json_text import as_list, as_object
from dita.adapters.bingx.messages import MessageError, read_message
from dita.adapters.bingx.stream_base import ResilientStream
from dita.adapters.bingx.stream_events import MarkPrice, TopicRefused
from dita.adapters.bingx.units import UnitsError
from dita.adapters.bingx.websocket import Cause, Socket, StreamEnded, open_socket
from dita.spec.market import BookTicker, Depth, MarketTrade
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

TOPICS_MAX: Final = 200  # on one connection
_ACK_SECONDS: Final = 10.0
_SUBSCRIBE_PAUSE_SECONDS: Final = 0.12  # at most ten control messages a second
_BOOK_TICKER: Final = "bookTicker"
_TRADE: Final = "trade"
_MARK_PRICE: Final = "markPrice"
_DEPTH: Final = "depth"
DEPTHS: Final = (0, 5, 10, 20, 50, 100)  # levels a side that there are topics of; 0: none


# How often a book is told is fixed by the venue (BingX, partial order book depth): every 200 ms for these, 500 ms for
# the others.
_FAST_SYMBOLS: Final = frozenset(("BTC-USDT", "ETH-USDT"))


def _topic(symbol: str, kind: str, depth: int) -> str:
    if kind != _DEPTH:
        return f"{symbol}@{kind}"
    return f"{symbol}@{kind}{depth}@{'200ms' if symbol in _FAST_SYMBOLS else '500ms'}"


class MarketStream(ResilientStream[BookTicker | MarketTrade | Depth | MarkPrice | TopicRefused]):
    """Book tickers and whatever else is wanted. Live once every topic is acknowledged or refused.

    Some feeds fall silent without a close: no data at all for ``data_silence_seconds`` ends the session, whatever the
    heartbeats say.
    """

    def __init__(
        self,
        url: str,
        symbols: Collection[str],
        clock: Clock,
        rng: Random,
        *,
        trades: bool = True,
        depth: int = 0,
        mark_prices: bool = False,
        queue_max: int = 10_000,
        silence_seconds: float = SILENCE_SECONDS,
        data_silence_seconds: int = 60,
    ) -> None:
        super().__init__("market stream", clock.wall_ns, rng, queue_max)
        if depth not in DEPTHS:
            raise ValueError(f"depth: `{depth}` levels; there are topics of {', '.join(map(str, DEPTHS[1:]))}")
        wanted = ((_TRADE, trades), (_DEPTH, depth), (_MARK_PRICE, mark_prices))
        kinds = (_BOOK_TICKER, *(kind for kind, is_wanted in wanted if is_wanted))
        self._topics = tuple(_topic(symbol, kind, depth) for symbol in sorted(symbols) for kind in kinds)
        if not 1 <= len(self._topics) <= TOPICS_MAX:
            raise ValueError(f"symbols: `{len(self._topics)}` topics; one connection takes 1 to {TOPICS_MAX}")
        self._depth = depth
        self._url = SecretStr(url)  # it holds no secret; that of the account stream does
        self._silence_seconds = silence_seconds
        self._data_silence_ns = data_silence_seconds * NANOSECONDS_PER_SECOND
        self._acknowledged: set[str] = set()
        self._refused: set[str] = set()

    async def _session(self) -> None:
        self._acknowledged.clear()
        self._refused.clear()
        async with open_socket(self._url, self._now_ns, self._silence_seconds) as socket:
            subscriber = asyncio.create_task(self._subscribe(socket), name="market stream subscriber")
            reader = asyncio.create_task(self._read(socket), name="market stream reader")
            try:
                await asyncio.wait({reader, subscriber}, return_when=asyncio.FIRST_EXCEPTION)
                for task in (subscriber, reader):
                    if task.done():
                        task.result()  # raises why it ended
            finally:
                reader.cancel()
                subscriber.cancel()
                await asyncio.gather(reader, subscriber, return_exceptions=True)

    async def _subscribe(self, socket: Socket) -> None:
        for number, topic in enumerate(self._topics):
            if number:
                await asyncio.sleep(_SUBSCRIBE_PAUSE_SECONDS)
            await socket.send(f'{{"id":"{number}","reqType":"sub","dataType":"{topic}"}}')
        await asyncio.sleep(_ACK_SECONDS)
        missing = [topic for topic in self._topics if topic not in self._acknowledged | self._refused]
        if missing:
            raise StreamEnded(Cause.REFUSED, f"topics not acknowledged: {', '.join(missing)[:200]}")

    async def _read(self, socket: Socket) -> None:
        last_data_ns = self._now_ns()
        while True:
            document = await socket.receive()
            now_ns = socket.last_frame_ns
            self._saw_frame(now_ns)
            members = None if document is None else as_object(document)
            if members is not None and self.take(members):
                last_data_ns = now_ns
            if now_ns - last_data_ns > self._data_silence_ns:
                raise StreamEnded(Cause.NO_DATA, "heartbeats, but no market data")

    def take(self, document: Mapping[str, object]) -> bool:
        """One document of the stream, to events; whether it was market data of an acknowledged topic."""
        frame = read_message(MarketFrame, document, "market frame")
        data, topic = frame.data, frame.topic
        if data is None or not topic:
            if frame.subscription is not None and frame.code is not None:
                self._acknowledge(frame.subscription, frame.code, frame.msg)
            else:
                self.ignored += 1
            return False
        if topic not in self._acknowledged:  # data of refused topics can leak through
            self.ignored += 1
            return False
        symbol, _, kind = topic.partition("@")
        for row in as_list(data) or [data]:
            try:
                self._push(self._event(kind, symbol, row, frame))
            except (MessageError, UnitsError) as error:
                self.ignored += 1  # prices come again in a moment; nothing is built on a single one
                self.notices.tell(f"{kind}: {error}")
        return True

    def _event(
        self, kind: str, symbol: str, row: object, frame: MarketFrame
    ) -> BookTicker | MarketTrade | Depth | MarkPrice:
        match kind:
            case "bookTicker":
                return read_message(BookTickerFrame, row, kind).to_event()
            case "trade":
                return read_message(MarketTradeFrame, row, kind).to_event()
            case "markPrice":
                return read_message(MarkPriceFrame, row, kind).to_event()
            case _:
                time_ms = frame.time_ms or self._now_ns() // NANOSECONDS_PER_MILLISECOND
                return read_message(DepthFrame, row, kind).to_event(symbol, time_ms, self._depth)

    def _acknowledge(self, identifier: str, code: str, text: str) -> None:
        if not identifier.isascii() or not identifier.isdigit() or int(identifier) >= len(self._topics):
            self.ignored += 1
            return
        topic = self._topics[int(identifier)]
        if code == "0":
            self._acknowledged.add(topic)
        elif topic not in self._refused:
            self._refused.add(topic)
            self._push(TopicRefused(topic, code[:20], text[:200]))
        if len(self._acknowledged) + len(self._refused) == len(self._topics) and self._acknowledged:
            self._became_live()
