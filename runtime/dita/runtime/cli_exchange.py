"""``dita exchange``: the simulator as a process of its own, with a market."""

import asyncio
import secrets
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from dita.adapters.bingx.credentials import KEY_NAME, SECRET_NAME, credentials_from_file
from dita.adapters.exchange import AccountConfig, ExchangeConfig, ExchangeServer, faults_from_json
from dita.adapters.private_file import write_private
from dita.runtime.cli_report import CommandError, Report, Reporter, table
from dita.runtime.feeds import open_feed, snap_to_tick
from dita.runtime.settings import load_settings
from dita.spec.market import MarketEvent

ADDRESS_FILE: Final = "exchange-address"  # beside the credentials, while the exchange runs


def exchange(
    reporter: Reporter,
    *,
    port: int,
    source: str,
    symbols: list[str] | None,
    seed: int,
    pace: int,
    seconds: float | None,
    credentials: Path,
    faults: Path | None,
) -> Report:
    """Serve until stopped or so long. Raises CommandError, SettingsError, FeedError, OSError."""
    chosen = {"source": source, "symbols": None if symbols is None else ",".join(symbols), "seed": seed}
    settings = load_settings(**chosen)
    key, secret = _credentials(credentials)
    config = ExchangeConfig(accounts=(AccountConfig(key, secret),), seed=seed, port=port)
    listed = {contract.symbol: contract for contract in config.contracts}
    unknown = [symbol for symbol in settings.symbols if symbol not in listed]
    if unknown:
        raise CommandError(f"--symbol: the simulator lists {', '.join(listed)}, not `{', '.join(unknown)}`")
    config = replace(config, contracts=tuple(listed[symbol] for symbol in settings.symbols))
    if faults is not None:
        config = with_faults(config, faults)
    events = open_feed(
        settings.source, settings.symbols, seed=settings.seed, recordings=settings.recordings,
        loops=1_000_000 if settings.source == "recorded" else 1,
    )  # fmt: skip
    server = ExchangeServer(config)
    fed = asyncio.run(_serve(server, events, pace, seconds, reporter, credentials))
    report = server.report()
    figures = {
        "events": fed,
        "requests": report.requests_served,
        "orders": report.orders_made,
        "fills": report.fills_made,
        "faults": sum(report.faults_fired.values()),
    }
    return Report(figures, (), [table("exchange", figures, ("figure", "value"))])


def with_faults(config: ExchangeConfig, path: Path) -> ExchangeConfig:
    """The exchange with the plan in the file. Raises CommandError that names every wrong field, and OSError."""
    try:
        return replace(config, faults=faults_from_json(path.read_bytes()))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors())
        raise CommandError(f"--faults: {path}: {problems}") from None
    except ValueError as error:
        raise CommandError(f"--faults: {path}: {error}") from None


def _credentials(path: Path) -> tuple[str, str]:
    """Those in the file, or new ones written into it, readable by its owner only."""
    if path.exists():
        known = credentials_from_file(path)
        return known.api_key.get_secret_value(), known.secret.get_secret_value()
    key, secret = f"paper{secrets.token_hex(8)}", secrets.token_hex(24)
    write_private(path, "credentials file", f"{KEY_NAME}={key}\n{SECRET_NAME}={secret}\n".encode())
    return key, secret


async def _serve(
    server: ExchangeServer,
    events: Iterator[MarketEvent],
    pace: int,
    seconds: float | None,
    reporter: Reporter,
    credentials: Path,
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    ticks = {contract.symbol: contract.tick for contract in server.config.contracts}
    await server.start()
    address = credentials.with_name(ADDRESS_FILE)
    address.write_text(f"{server.rest_url}\n")
    reporter.console.print(f"exchange: {server.rest_url} credentials: {credentials}", highlight=False, soft_wrap=True)
    ends_at = None if seconds is None else loop.time() + seconds
    fed = 0
    try:
        for event in events:
            server.feed(snap_to_tick(event, ticks[event.symbol]))
            fed += 1
            if stop.is_set() or (ends_at is not None and loop.time() > ends_at):
                break
            await asyncio.sleep(1 / pace)
    finally:
        address.unlink(missing_ok=True)
        await server.stop()
    return fed
