"""The rows of ``dita bench`` at the edge: an account frame to the kernel's input, and a submit to its acknowledgement.

The submit runs through the adapter's real HTTP stack, over a loopback socket, to the built-in exchange in the same
process and thread: what is measured is the processor time of both sides together. The local rate limit is not in it.
"""

import asyncio
import gzip
import time
from collections.abc import Generator
from contextlib import contextmanager
from random import Random
from typing import Final

from pydantic import SecretStr

from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.api import Api
from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import ENDPOINTS, SUBMIT, Hosts
from dita.adapters.bingx.errors import Call
from dita.adapters.bingx.json_text import as_object
from dita.adapters.bingx.limiter import Limiter, Quota
from dita.adapters.bingx.orders import Accepted, NewOrder, SubmitResult, order_parameters
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.stream_events import OrderUpdate
from dita.adapters.bingx.trading import BingxCloser
from dita.adapters.bingx.transport import Failure, Transport
from dita.adapters.bingx.websocket import document_of
from dita.adapters.exchange import AccountConfig, ExchangeConfig, ExchangeServer, RequestRules
from dita.adapters.logic.orders import OrderMemory, order_input
from dita.runtime.bench_rows import Row, WrongResult, expect
from dita.spec.inputs import Input
from dita.spec.market import BookTicker
from dita.spec.order_ids import OrderKey
from dita.spec.scales import NOTIONAL_DIVISOR, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide

# A hundred microseconds and a three hundredth of a second at the R of the machine that the targets were set on, 100 ns.
FRAME_R_MAX: Final = 1_000.0
SUBMIT_R_MAX: Final = 33_000.0
_FRAMES: Final = 200
_SUBMITS: Final = 40
_SYMBOL: Final = "BTC-USDT"
_LOT: Final = 10_000  # 0.0001 coin
_PRICE: Final = 60_000 * PRICE_SCALE
_SECOND: Final = 10**9
_UNLIMITED: Final = 100_000
_CREDENTIALS: Final = Credentials(SecretStr("bench-key"), SecretStr("bench-secret"))
_KEY: Final = OrderKey(1, 0, 0)


@contextmanager
def venue_rows() -> Generator[list[Row]]:
    """Both rows, and what they run on for as long as they are used."""
    bench = _Venue()
    try:
        yield [bench.frames(), bench.submits()]
    finally:
        bench.close()


class _Venue:
    """An exchange and an adapter on one loop that runs only while it is measured."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._exchange = ExchangeServer(
            ExchangeConfig(
                accounts=(
                    AccountConfig(
                        _CREDENTIALS.api_key.get_secret_value(), _CREDENTIALS.secret.get_secret_value(), hedge_mode=True
                    ),
                ),
                requests=RequestRules(rate_limits=False),
            )
        )
        self._rest, self._closer = self._loop.run_until_complete(self._open())
        self._serial = 0

    def close(self) -> None:
        """Release everything."""
        self._loop.run_until_complete(self._rest.aclose())
        self._loop.run_until_complete(self._exchange.stop())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _open(self) -> tuple[BingxRest, BingxCloser]:
        await self._exchange.start()
        deep = 1_000 * QUANTITY_SCALE
        tick = PRICE_SCALE // 10
        self._exchange.feed(BookTicker(_SYMBOL, _PRICE, deep, _PRICE + tick, deep, time.time_ns()))
        url, stream = self._exchange.rest_url, self._exchange.ws_url
        limiter = Limiter({endpoint.name: Quota(_UNLIMITED) for endpoint in ENDPOINTS})
        transport = Transport(_CREDENTIALS, SystemClock(), limiter=limiter)
        rest = BingxRest(Api(transport, Hosts(url, None, stream, stream, "USDT"), Random(1)))
        await rest.sync_clock()
        # What is measured are closing orders, which need no leave. The position that they close is taken by hand.
        opening = NewOrder(_SYMBOL, "bench-open", OrderSide.BUY, False, 1_000 * _LOT, 0, 0)
        opened = await rest.api.call(SUBMIT, order_parameters(opening, PositionMode.HEDGE), Call.SUBMIT)
        expect(not isinstance(opened, Failure) and opened.is_yes, f"the position was not opened: {opened}")
        return rest, BingxCloser(OrderDesk(rest, PositionMode.HEDGE, await rest.contracts([_SYMBOL])))

    def submits(self) -> Row:
        """Resting closes, one after the other, each acknowledged before the next is sent."""
        results: list[SubmitResult] = []

        async def clear() -> None:
            cancelled = await self._closer.cancel_all(_SYMBOL)
            expect(cancelled.confirmed, f"orders could not be cancelled: {cancelled}")

        async def work() -> None:
            for _ in range(_SUBMITS):
                self._serial += 1
                order = NewOrder(
                    symbol=_SYMBOL,
                    client_order_id=f"bench-{self._serial}",
                    side=OrderSide.SELL,
                    reduce_only=True,
                    quantity=_LOT,
                    limit_price=_PRICE + 1_000 * PRICE_SCALE,
                    send_by_ns=self._rest.api.transport.venue_now_ns() + 10 * _SECOND,
                )
                results.append(await self._closer.submit(order))

        def prepare() -> None:
            results.clear()
            self._loop.run_until_complete(clear())

        def check() -> None:
            wrong = [result for result in results if not isinstance(result, Accepted)]
            expect(len(results) == _SUBMITS and not wrong, f"not every submit was accepted: {wrong[:1]}")
            resting = self._loop.run_until_complete(self._rest.open_orders(_SYMBOL))
            expect(len(resting) == _SUBMITS, f"`{len(resting)}` orders rest, `{_SUBMITS}` were submitted")

        what = "a submit to its acknowledgement: HTTP, adapter and built-in exchange together"
        return Row(
            "submit_ack_r", what, _SUBMITS, SUBMIT_R_MAX, prepare, lambda: self._loop.run_until_complete(work()), check
        )

    def frames(self) -> Row:
        """Gzip frames of one order that fills lot by lot, to the ORDER inputs of the kernel."""
        stream = AccountStream(self._rest, {_SYMBOL}, Random(1))
        frames = [gzip.compress(_frame(number).encode()) for number in range(1, _FRAMES + 1)]
        inputs: list[Input] = []
        memories: list[OrderMemory] = []

        def prepare() -> None:
            inputs.clear()
            memories[:] = [OrderMemory()]

        def run() -> None:
            (memory,) = memories
            for frame in frames:
                stream.take(as_object(document_of(frame)) or {})
                event = stream.poll()
                if not isinstance(event, OrderUpdate):
                    raise WrongResult(f"bench: a frame became `{event}`")
                snapshot = memory.take_row(event.row).snapshot
                if snapshot is not None:
                    inputs.append(order_input(_KEY, 0, snapshot))

        def check() -> None:
            told = [(event.quantity, event.quote) for event in inputs]
            truth = [
                (number * _LOT, sum(_LOT * _price(fill) for fill in range(1, number + 1)) // NOTIONAL_DIVISOR)
                for number in range(1, _FRAMES + 1)
            ]
            expect(told == truth, "the inputs are not what the frames said")

        what = "an order frame of the account stream, from its bytes to the kernel's input"
        return Row("account_frame_r", what, _FRAMES, FRAME_R_MAX, prepare, run, check)


def _price(fill: int) -> int:
    """Of one fill, 1e-10 USDT: none like the one before."""
    return _PRICE + fill % 7 * (PRICE_SCALE // 10)


def _frame(number: int) -> str:
    """The push of one fill, as captured from the venue."""
    filled, price = f"{number * _LOT / QUANTITY_SCALE:.8f}", f"{_price(number) / PRICE_SCALE:.8f}"
    return (
        '{"e":"ORDER_TRADE_UPDATE","E":1760000001350,"T":1760000001316,"o":{"s":"BTC-USDT","c":"t1-a0000001",'
        '"i":1976209350456246273,"S":"BUY","o":"LIMIT","q":"1.00000000","p":"61000.00000000","sp":"0.00000000",'
        '"ap":"60000.30000000","x":"TRADE","X":"PARTIALLY_FILLED","N":"USDT","n":"-0.00300000",'
        f'"T":{1760000001316 + number},"wt":"MARK_PRICE","ps":"LONG","rp":"0.00000000","z":"{filled}","sg":"false",'
        '"ti":0,"ro":false,'
        f'"td":{362700000 + number},"tv":"6.0","l":"0.00010000","L":"{price}"}}}}'
    )
