"""Trade on the exchange simulator with ccxt, a client that nobody here wrote.

    dita exchange &
    .venv/strangers/bin/python examples/ccxt_trade.py

It opens a long position with a market order while it watches orders and balance, protects it with a stop, and closes
it again. The simulator speaks BingX's protocol, so ccxt's ``bingx`` needs nothing but other addresses. Any environment
with ccxt will do; ``make strangers`` makes one.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import ccxt.pro

SYMBOL = "BTC/USDT:USDT"
STARTING_SECONDS = 30


def client(address: str, api_key: str, secret: str) -> ccxt.pro.bingx:
    """A BingX client of ccxt's, every address replaced by the simulator's."""
    exchange = ccxt.pro.bingx({"apiKey": api_key, "secret": secret})
    stream = address.replace("http", "ws", 1)
    addresses = {name: f"{address}/openApi" for name in exchange.urls["api"] if name != "ws"}
    # ccxt tells swap from spot by the text of the stream's address.
    exchange.urls["api"] = {**addresses, "ws": {"linear": f"{stream}/swap-market", "spot": f"{stream}/market"}}
    exchange.options["sandboxMode"] = True  # load linear swap contracts only
    exchange.options["defaultType"] = "swap"
    return exchange


async def until_stream_is_open(exchange: ccxt.pro.bingx) -> None:
    """Wait for the account's stream, which opens when it is first watched; it replays nothing."""
    for _ in range(STARTING_SECONDS * 50):
        if any("listenKey" in url and opened.connected.done() for url, opened in exchange.clients.items()):
            return
        await asyncio.sleep(0.02)


async def trade(exchange: ccxt.pro.bingx) -> None:
    """One round trip, told as it happens."""
    await exchange.load_markets()
    await exchange.set_leverage(10, SYMBOL, {"side": "LONG"})
    balance = await exchange.fetch_balance()
    print(f"balance  {balance['USDT']['free']} USDT free")
    balances = asyncio.create_task(exchange.watch_balance())  # before the other streams, or ccxt waits for ever
    await until_stream_is_open(exchange)
    orders = asyncio.create_task(exchange.watch_orders(SYMBOL))
    await asyncio.sleep(0)  # let it begin

    opened = await exchange.create_order(SYMBOL, "market", "buy", 0.01, params={"hedged": True})
    print(f"opened   {opened['id']}")
    pushed = (await orders)[-1]
    print(f"pushed   {pushed['id']} {pushed['status']}")
    print(f"pushed   {(await balances)['USDT']['free']} USDT in the wallet")

    (position,) = await exchange.fetch_positions([SYMBOL])
    print(f"position {position['side']} {position['contracts']} at {position['entryPrice']}")
    closing: dict[str, Any] = {"hedged": True, "reduceOnly": True}
    stop_price = round(position["entryPrice"] * 0.95, 1)
    stop = await exchange.create_order(SYMBOL, "market", "sell", 0.01, params=closing | {"stopLossPrice": stop_price})
    print(f"stop     {stop['id']} at {stop_price}")
    await exchange.cancel_order(stop["id"], SYMBOL)

    closed = await exchange.create_order(SYMBOL, "market", "sell", 0.01, params=closing)
    print(f"closed   {closed['id']}")
    for fill in await exchange.fetch_my_trades(SYMBOL):
        print(f"fill     {fill['side']} {fill['amount']} at {fill['price']}, fee {fill['fee']['cost']}")
    print(f"flat     {not await exchange.fetch_positions([SYMBOL])}")


async def main(address: str, api_key: str, secret: str) -> None:
    """Trade, and close what was opened."""
    exchange = client(address, api_key, secret)
    try:
        await asyncio.wait_for(trade(exchange), 60)
    finally:
        await exchange.close()


async def running_exchange(folder: Path) -> tuple[str, str, str]:
    """Address, key and secret that ``dita exchange`` has left in a folder; waits until it has started."""
    address = folder / "exchange-address"
    for _ in range(STARTING_SECONDS * 10):
        if await asyncio.to_thread(address.exists):
            break
        await asyncio.sleep(0.1)
    lines = (folder / "exchange-credentials").read_text().split()
    _, api_key, _, secret = "=".join(lines).split("=")
    return address.read_text().strip(), api_key, secret


async def _main() -> None:
    await main(*await running_exchange(Path(sys.argv[1] if len(sys.argv) > 1 else "out")))


if __name__ == "__main__":
    asyncio.run(_main())
