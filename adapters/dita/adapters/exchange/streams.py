"""The websocket endpoint: market topics for everybody, account events for the holder of a listen key."""

import asyncio
import json
from collections.abc import Callable
from typing import Final, cast

from starlette.websockets import WebSocket, WebSocketDisconnect

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.candles import INTERVALS_MS
from dita.adapters.exchange.client_socket import TRANSPORT_KEY, ClientSocket, Frame, Transport
from dita.adapters.exchange.config import ExchangeConfig
from dita.adapters.exchange.errors import BAD_TOPIC, TOO_MANY_TOPICS
from dita.adapters.exchange.faults import CutHow
from dita.adapters.exchange.frames import (
    bar_frame,
    day_frame,
    depth_frame,
    expired_frame,
    gzip_frame,
    price_frame,
    snapshot_frame,
    ticker_frame,
    trade_frame,
)
from dita.adapters.exchange.incremental import IncrementalBook
from dita.adapters.exchange.json_text import json_text
from dita.adapters.exchange.listen_keys import ListenKeys
from dita.adapters.exchange.market import Market
from dita.adapters.exchange.matching import Engine
from dita.spec.market import BookTicker, MarketEvent
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

_CONTROL_BYTES_MAX: Final = 4096
_DEPTHS: Final = {f"depth{depth}{pace}": depth for depth in (5, 10, 20, 50, 100) for pace in ("", "@200ms", "@500ms")}
_KLINES: Final = {f"kline_{name}": interval_ms for name, interval_ms in INTERVALS_MS.items()}
_PLAIN: Final = frozenset(("trade", "bookTicker", "markPrice", "lastPrice", "ticker"))
_INCREMENTAL: Final = "incrDepth"
_MARK_PACE_MS: Final = 1000
_DAY_PACE_MS: Final = 1000
_DEPTH_PACE_MS: Final = 200
_EMPTY_SUBSCRIBE: Final = 80014


class Streams:
    """All connected clients. Everything that is pushed goes through here."""

    def __init__(self, config: ExchangeConfig, engine: Engine, keys: ListenKeys, now_ns: Callable[[], int]) -> None:
        self._config = config
        self._engine = engine
        self._keys = keys
        self._now_ns = now_ns
        self._clients: set[ClientSocket] = set()
        self._by_topic: dict[str, set[ClientSocket]] = {}
        self._by_account: dict[str, set[ClientSocket]] = {}
        self._told_ms: dict[str, int] = {}
        self._books: dict[str, IncrementalBook] = {}  # of incrDepth topics that somebody listens to
        self._gzip = config.wire.frames == "gzip"
        self._ping = self.encode("Ping")
        self.dropped = 0
        self.slow_clients_cut = 0

    def encode(self, text: str) -> Frame:
        """The text in the form in which frames travel here."""
        return gzip_frame(text) if self._gzip else text

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._clients)

    def accounts_connected(self) -> list[str]:
        """Accounts with at least one open socket."""
        return [account for account, clients in self._by_account.items() if clients]

    # -- pushing

    def push_account(self, account: str, frame: Frame) -> None:
        """To every socket of the account."""
        for client in tuple(self._by_account.get(account, ())):
            client.push(frame)

    def push_topic(self, topic: str, frame: Frame) -> None:
        """To every socket that listens to the topic."""
        for client in tuple(self._by_topic.get(topic, ())):
            client.push(frame)

    def cut_account(self, account: str, how: CutHow = "reset") -> None:
        """End every socket of the account."""
        for client in tuple(self._by_account.get(account, ())):
            client.end(how)

    def cut_market(self, how: CutHow = "reset") -> None:
        """End every market connection."""
        for client in tuple(self._clients):
            if not client.account:
                client.end(how)

    def cut_topic(self, topic: str, how: CutHow) -> None:
        """End every connection that listens to a topic."""
        for client in tuple(self._by_topic.get(topic, ())):
            client.end(how)

    def expire_key(self, listen_key: str, *, announced: bool = True) -> None:
        """Tell the sockets of an expired key and close them, or let them fall silent."""
        text = expired_frame(listen_key, self._now_ms())
        for client in tuple(self._clients):
            if client.listen_key == listen_key and announced:
                client.push(self.encode(text))
                client.finish()
            elif client.listen_key == listen_key:
                client.end("silent")

    def push_snapshots(self) -> None:
        """The noise of every few seconds: one frame per contract to every account socket."""
        now_ms = self._now_ms()
        for name in self.accounts_connected():
            account: Account = self._engine.accounts[name]
            for symbol in self._engine.contracts:
                self.push_account(name, self.encode(snapshot_frame(account, symbol, now_ms)))

    def push_market(self, event: MarketEvent, deliver: Callable[[str, str, str], None]) -> None:
        """Publish a fed event on the topics somebody listens to: ``deliver`` gets topic, symbol and text."""
        if not self._by_topic:
            return
        symbol = event.symbol
        market = self._engine.markets[symbol]
        now_ms = self._now_ms()
        for topic in tuple(self._by_topic):
            if topic.startswith(symbol) and topic[len(symbol)] == "@":
                text = self._topic_text(topic, topic[len(symbol) + 1 :], market, event, now_ms)
                if text is not None:
                    deliver(topic, symbol, text)

    def _topic_text(self, topic: str, channel: str, market: Market, event: MarketEvent, now_ms: int) -> str | None:
        if channel == "ticker" or channel in _KLINES:
            return self._day_text(topic, channel, market, now_ms) if self._due(topic, now_ms, _DAY_PACE_MS) else None
        if not isinstance(event, BookTicker):
            if channel == "trade":
                return trade_frame(topic, event, market.contract)
            return price_frame(topic, market, now_ms) if channel == "lastPrice" else None
        if channel == "bookTicker":
            pace = self._config.streams.book_ticker_interval_ms
            return ticker_frame(topic, market, now_ms) if self._due(topic, now_ms, pace) else None
        if channel in _DEPTHS:
            if self._due(topic, now_ms, _DEPTH_PACE_MS):
                return depth_frame(topic, market, _DEPTHS[channel], now_ms)
        elif channel == _INCREMENTAL:
            if topic not in self._books:  # nobody has been told anything: there was no market
                return self._whole_book(topic, market, now_ms)
            if self._due(topic, now_ms, _DEPTH_PACE_MS):
                return self._books[topic].change(topic, now_ms)
        elif channel == "markPrice" and self._due(topic, now_ms, _MARK_PACE_MS):
            return price_frame(topic, market, now_ms)
        return None

    def _whole_book(self, topic: str, market: Market, now_ms: int) -> str:
        if topic not in self._books:
            self._books[topic] = IncrementalBook(market)
        return self._books[topic].whole(topic, now_ms)

    def _day_text(self, topic: str, channel: str, market: Market, now_ms: int) -> str | None:
        if channel == "ticker":
            return day_frame(topic, market, now_ms)
        return bar_frame(topic, market, _KLINES[channel])

    def _due(self, topic: str, now_ms: int, pace_ms: int) -> bool:
        if pace_ms and now_ms - self._told_ms.get(topic, -pace_ms) < pace_ms:
            return False
        self._told_ms[topic] = now_ms
        return True

    def _now_ms(self) -> int:
        return self._now_ns() // NANOSECONDS_PER_MILLISECOND

    # -- connections

    async def serve(self, websocket: WebSocket) -> None:
        """One connection from handshake to end."""
        rules = self._config.streams
        listen_key = websocket.query_params.get("listenKey", "")
        owner = self._keys.owner(listen_key, self._now_ns()) or "" if listen_key else ""
        bound = rules.account_queue_frames if listen_key else rules.market_queue_frames
        transport = cast("Transport", websocket.scope[TRANSPORT_KEY])
        address = websocket.client.host if websocket.client is not None else ""
        if sum(client.address == address for client in self._clients) >= rules.sockets_max:
            await websocket.close()  # before it is accepted: the handshake is answered with 403
            return
        await websocket.accept()
        client = ClientSocket(websocket, transport, bound, lossless=bool(listen_key), account=owner)
        client.listen_key = listen_key
        client.address = address
        self._clients.add(client)
        sender = asyncio.create_task(client.send_queued())
        try:
            if listen_key and not owner:
                client.push(self.encode(expired_frame(listen_key, self._now_ms())))
                client.finish()
            else:
                if owner:
                    self._by_account.setdefault(owner, set()).add(client)
                client.start_heartbeat(rules.ping_interval_ms, rules.unanswered_pings_max, self._ping)
            await self._listen(client)
        finally:
            self._forget(client)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    def cut_all(self) -> None:
        """Cut everybody."""
        for client in tuple(self._clients):
            client.cut()

    async def _listen(self, client: ClientSocket) -> None:
        while True:
            try:
                message = await client.websocket.receive()
            except (WebSocketDisconnect, RuntimeError):
                return  # RuntimeError: starlette's word for reading after the end
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                raw = message.get("bytes") or b""
                text = raw[:_CONTROL_BYTES_MAX].decode(errors="replace")
            if text == "Pong":
                client.answered()
            elif len(text) <= _CONTROL_BYTES_MAX:
                self._control(client, text)

    def _forget(self, client: ClientSocket) -> None:
        client.release()
        self._clients.discard(client)
        self._by_account.get(client.account, set()).discard(client)
        for topic in client.topics:
            self._leave(client, topic)
        self.dropped += client.dropped
        self.slow_clients_cut += client.cut_for_slowness

    def _leave(self, client: ClientSocket, topic: str) -> None:
        listeners = self._by_topic.get(topic)
        if listeners is not None:
            listeners.discard(client)
            if not listeners:
                del self._by_topic[topic]
                self._books.pop(topic, None)

    def _control(self, client: ClientSocket, text: str) -> None:
        """Subscribe or unsubscribe; anything that is not a JSON object with text fields is ignored, as observed."""
        try:
            parsed: object = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(parsed, dict):
            return
        request = cast("dict[str, object]", parsed)
        identity, verb, topic = request.get("id", ""), request.get("reqType", "sub"), request.get("dataType")
        if client.listen_key:
            client.push(self.encode(self._ack(identity, _EMPTY_SUBSCRIBE, "account streams need no subscription")))
            return
        if not isinstance(topic, str) or not isinstance(identity, str):
            return
        if verb == "unsub":
            client.topics.discard(topic)
            self._leave(client, topic)
            client.push(self.encode(self._ack(identity, 0, "")))
        elif not self._known(topic):
            client.push(self.encode(self._ack(identity, BAD_TOPIC, "dataType not support")))
        elif topic not in client.topics and len(client.topics) >= self._config.streams.topics_max:
            client.push(self.encode(self._ack(identity, TOO_MANY_TOPICS, "too many topics on one connection")))
        else:
            client.topics.add(topic)
            self._by_topic.setdefault(topic, set()).add(client)
            client.push(self.encode(self._ack(identity, 0, "")))
            if self._config.streams.tells_current:
                self._push_current(client, topic)

    def _push_current(self, client: ClientSocket, topic: str) -> None:
        """What the topic shows right now follows the ack at once."""
        symbol, _, channel = topic.partition("@")
        market, now_ms = self._engine.markets[symbol], self._now_ms()
        if not market.updates or channel == "trade":
            return
        text: str | None
        if channel == "bookTicker":
            text = ticker_frame(topic, market, now_ms)
        elif channel in _DEPTHS:
            text = depth_frame(topic, market, _DEPTHS[channel], now_ms)
        elif channel == _INCREMENTAL:
            text = self._whole_book(topic, market, now_ms)
        elif channel == "ticker" or channel in _KLINES:
            text = self._day_text(topic, channel, market, now_ms)
        else:
            text = price_frame(topic, market, now_ms)
        if text is not None:
            client.push(self.encode(text))

    def _known(self, topic: str) -> bool:
        symbol, _, channel = topic.partition("@")
        contract = self._engine.contracts.get(symbol)
        if contract is None or contract.status != 1:
            return False
        return channel in _PLAIN or channel == _INCREMENTAL or channel in _DEPTHS or channel in _KLINES

    def _ack(self, identity: object, code: int, text: str) -> str:
        shown = identity if isinstance(identity, str) else ""
        if self._config.wire.ack == "documented":
            return json_text({"code": code, "id": shown, "msg": text or "SUCCESS", "timestamp": self._now_ms()})
        return json_text({"id": shown, "code": code, "msg": text, "dataType": "", "data": None})
