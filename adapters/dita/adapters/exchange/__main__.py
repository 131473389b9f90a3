"""The exchange as a process of its own: ``python -m dita.adapters.exchange --port-file F --config J``.

It writes its port to F once it accepts connections and runs until SIGTERM or SIGINT. The config is the JSON form of
``ExchangeConfig``. Without ``--lines`` every contract gets a seeded random walk.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from dita.adapters.exchange.config import Contract, ExchangeConfig, config_from_json
from dita.adapters.exchange.server import ExchangeServer
from dita.adapters.exchange.sources import RandomWalk, feed_lines, walk_forever
from dita.spec.scales import PRICE_SCALE

_START_PRICES: Final = {"BTC-USDT": 60_000, "ETH-USDT": 3_000}
_START_PRICE_OTHERS: Final = 100


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dita.adapters.exchange", description="a simulated perpetual exchange")
    parser.add_argument("--config", type=Path, required=True, help="JSON form of ExchangeConfig")
    parser.add_argument("--port-file", type=Path, required=True, help="where the bound port is written")
    parser.add_argument("--lines", type=Path, help="JSON lines of tickers, a file or a FIFO; default: random walks")
    parser.add_argument("--interval-ms", type=int, default=200, help="pace of random walks and files")
    return parser.parse_args()


async def _run(config: ExchangeConfig, port_file: Path, lines: Path | None, interval_ms: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = ExchangeServer(config, time.time_ns)
    await server.start()
    if lines is not None:
        market = asyncio.create_task(feed_lines(lines, interval_ms, time.time_ns, server.feed))
    else:
        walks = [RandomWalk(c, _start_price(c), config.seed) for c in config.contracts]
        market = asyncio.create_task(walk_forever(walks, interval_ms, time.time_ns, server.feed))
    _write_port(port_file, server.port)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((market, stopping), return_when=asyncio.FIRST_COMPLETED)
        if market.done():
            market.result()  # a market that broke ends the exchange; one that is over leaves its last prices standing
            await stopping
    finally:
        market.cancel()
        stopping.cancel()
        await asyncio.gather(market, stopping, return_exceptions=True)
        await server.stop()


def _start_price(contract: Contract) -> int:
    price = _START_PRICES.get(contract.symbol, _START_PRICE_OTHERS) * PRICE_SCALE
    return price - price % contract.tick


def _write_port(path: Path, port: int) -> None:
    """Whole or not at all: whoever waits for the file never reads half a number."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(f"{port}\n")
    draft.replace(path)


def main() -> int:
    """Run until told to stop; returns the exit status."""
    arguments = _arguments()
    if arguments.interval_ms <= 0:
        sys.stderr.write(f"interval-ms: `{arguments.interval_ms}` is not positive, give milliseconds\n")
        return 2
    try:
        config = config_from_json(arguments.config.read_bytes())
    except OSError as error:
        sys.stderr.write(f"config: {error}\n")
        return 2
    except ValidationError as error:
        # Inputs are left out: they may hold secrets.
        for problem in error.errors(include_input=False, include_url=False):
            sys.stderr.write(f"config: {'.'.join(map(str, problem['loc']))}: {problem['msg']}\n")
        return 2
    asyncio.run(_run(config, arguments.port_file, arguments.lines, arguments.interval_ms))
    return 0


if __name__ == "__main__":
    sys.exit(main())
