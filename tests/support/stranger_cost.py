"""What ccxt's own code costs, in its own environment: ``python stranger_cost.py`` with an order push on standard input.

Writes two figures in microseconds of processor time, medians: one order from arguments to signed query, one order push
from its text to ccxt's order and trade.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

MARKET = {
    "contractId": "100", "symbol": "BTC-USDT", "currency": "USDT", "asset": "BTC", "quantityPrecision": 4,
    "pricePrecision": 1, "tradeMinQuantity": 0.0001, "tradeMinUSDT": 2, "feeRate": 0.0005, "makerFeeRate": 0.0002,
    "takerFeeRate": 0.0005, "status": 1, "apiStateOpen": "true", "apiStateClose": "true", "size": "0.0001",
}  # fmt: skip
ORDER_ID = "1976209350456246273"


class Socket:
    """What a ccxt stream handler asks of its connection."""

    url = "wss://venue.test/swap-market?listenKey=a"

    def resolve(self, *_: object) -> None:
        """Nobody waits."""


def cost_us(work: Callable[[int], object], rounds: int = 9, times: int = 40) -> float:
    """Microseconds of processor time of one call."""
    samples: list[float] = []
    for number in range(rounds):
        began = time.process_time_ns()
        for index in range(times):
            work(number * times + index)
        samples.append((time.process_time_ns() - began) / times / 1000)
    return median(samples)


async def main() -> None:
    """Measure both."""
    pro: Any = importlib.import_module("ccxt.pro")
    client: Any = pro.bingx({"apiKey": "k", "secret": "s" * 20, "enableRateLimit": False})
    client.set_markets([client.parse_market(MARKET)])
    push = sys.stdin.read()
    socket = Socket()

    def sign(_: int) -> None:
        extra = {"clientOrderID": "t1-a0000001", "positionSide": "LONG"}
        request = client.create_order_request("BTC/USDT:USDT", "limit", "buy", 0.0123, 60000.5, extra)
        client.sign("trade/order", ["swap", "v2", "private"], "POST", request)

    def read(number: int) -> None:
        client.handle_message(socket, json.loads(push.replace(ORDER_ID, str(int(ORDER_ID) + number))))

    sys.stdout.write(json.dumps([cost_us(sign), cost_us(read)]))
    await client.close()


if __name__ == "__main__":
    asyncio.run(main())
