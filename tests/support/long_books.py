"""Many round trips of the random policy on recorded data: what every trade came to, told by three who ask nobody.

The kernel, by how much capital moved in the rows of a trade; the bookkeeper, in fractions, from the inputs alone; the
exchange, from its own fills under the names of the trade's orders. All three must be one whole number of 1e-8 USDT,
for every trade, and wallet and books the same at the end.

``python tests/support/long_books.py --round-trips 10000`` is what `make books` runs. ``--recordings DIR`` plays the
recordings of a folder instead of one made up, again and again until there are enough trades; ``--transport`` says how
the exchange is reached.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from unittest import mock

from dita.adapters.exchange import AccountRecord
from dita.adapters.journal import open_reader
from dita.kernel.binding import Kernel
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import CertifiedKernel, installed_bindings, load_certified, load_for_conformance
from dita.runtime import paper, session
from dita.runtime.feeds import open_feed
from dita.runtime.lockstep import Lockstep
from dita.runtime.paper import PaperExchange
from dita.runtime.policy import Policy
from dita.runtime.session import SessionResult, run_session
from dita.runtime.settings import Settings, load_settings
from dita.runtime.simulation.bookkeeper import Bookkeeper, Step
from dita.runtime.simulation.ground import virtual_ground
from dita.spec.market import MarketEvent
from dita.spec.order_ids import parse_client_order_id
from dita.spec.state import capital
from sample_certificate import written_certificate
from small_recording import write_recording

TRANSPORTS: Final = ("direct", "stacks", "sockets")
_LOOPS: Final = 1000
_LEVERAGE_MAX_PPM: Final = 3_000_000
_QUOTES: Final = 20_000  # of each symbol, in a recording that is made up


@dataclass(frozen=True)
class Compared:
    """What came of it. ``found`` says what is wrong, ``cpu_seconds`` what the session alone took."""

    result: SessionResult
    trades: int
    rows: int
    found: tuple[str, ...]
    cpu_seconds: float


def compare(
    certified: CertifiedKernel,
    recordings: Path,
    out: Path,
    round_trips: int,
    transport: str,
    policy: Policy | str = "coin",
) -> Compared:
    """Play so many round trips and compare every trade."""
    named, player = (policy, None) if isinstance(policy, str) else ("coin", policy)
    settings = load_settings(
        {}, source="recorded", recordings=recordings, round_trips=round_trips, policy=named, out=out, market="waits",
        leverage_max_ppm=_LEVERAGE_MAX_PPM,
    )  # fmt: skip
    events = open_feed("recorded", settings.symbols, recordings=recordings, loops=_LOOPS)
    made: list[PaperExchange] = []

    def make(*arguments: Any, **options: Any) -> PaperExchange:
        made.append(PaperExchange(*arguments, **options))
        return made[-1]

    began = time.process_time()
    with mock.patch.object(session, "PaperExchange", make), mock.patch.object(paper, "_KEPT", 10 * round_trips):
        result = _played(settings, certified, events, transport, player)
    seconds = time.process_time() - began
    trades, rows, found = differences(result, made[0].record())
    return Compared(result, trades, rows, (*result.problems, *found), seconds)


def _played(
    settings: Settings,
    certified: CertifiedKernel,
    events: Iterator[MarketEvent],
    transport: str,
    player: Policy | None,
) -> SessionResult:
    if transport == "sockets":
        return asyncio.run(run_session(settings, certified, _silent, events=events, policy=player))
    with virtual_ground(settings.seed, is_direct=transport == "direct") as (loop, ground):
        return loop.run_until_complete(
            run_session(settings, certified, _silent, ground=ground, events=events, policy=player)
        )


def _silent(*_: object) -> None:
    """No progress."""


def differences(result: SessionResult, record: AccountRecord) -> tuple[int, int, list[str]]:
    """Trades, rows, and where the three differ."""
    steps, tag, rates = _steps(result.journal)
    books = Bookkeeper(_LEVERAGE_MAX_PPM, rates)
    books.take_all(steps)
    found = list(books.found)
    by_kernel: dict[int, int] = defaultdict(int)
    for step in steps:
        by_kernel[step.event.trade] += step.capital_after - step.capital_before
    by_exchange = _by_exchange(record, tag)
    if not books.trades or set(books.trades) != set(by_exchange):
        found.append(f"the bookkeeper has {len(books.trades)} trades, the exchange {len(by_exchange)}")
    for trade in books.trades:
        told = (Fraction(by_kernel[trade]), books.profit_of(trade)[0], Fraction(by_exchange.get(trade, 0)))
        if len(set(told)) != 1:
            kernel, bookkeeper, exchange = told
            found.append(f"trade {trade}: kernel {kernel}, bookkeeper {float(bookkeeper)}, exchange {exchange}")
    if books.unsettled:
        found.append(f"not settled: {books.unsettled[:5]}")
    if not steps or steps[-1].capital_after != record.wallet or record.wallet_difference:
        found.append(f"capital is not the wallet's {record.wallet}, or that is not what its fills say")
    return len(books.trades), len(steps), found


def _steps(journal: Path) -> tuple[list[Step], str, dict[int, tuple[int, int]]]:
    """Every row through a kernel and a reference of their own; the journal's tag; each instrument's fee rates."""
    reader = open_reader(journal)
    steps: list[Step] = []
    rates: dict[int, tuple[int, int]] = {}
    try:
        with Kernel(load_for_conformance(IMAGE_PATH)) as kernel:
            lockstep = Lockstep(kernel)
            for row in reader.rows():
                before = capital(lockstep.state.account.ledger)
                outcome = lockstep.step(row.input).outcome
                after = capital(lockstep.state.account.ledger)
                steps.append(Step(row.input, outcome.verdict, outcome.code, before, after))
                if row.input.taker_ppb:
                    rates[row.input.instrument] = (row.input.taker_ppb, row.input.maker_ppb)
        return steps, reader.meta.tag, rates
    finally:
        reader.close()


def _by_exchange(record: AccountRecord, tag: str) -> dict[int, int]:
    """What the exchange's own fills say of each trade: what was received less what was paid, less commissions."""
    came_to: dict[int, int] = defaultdict(int)
    for fill in record.fills:
        key = parse_client_order_id(tag, fill.client_id)
        if key is None:
            continue
        received = fill.notional if fill.side == "SELL" else -fill.notional
        came_to[key.trade] += received - fill.commission
    return dict(came_to)


def certified_in(folder: Path) -> CertifiedKernel:
    """The built image, with a sample certificate."""
    return load_certified(written_certificate(folder, installed_bindings(load_for_conformance(IMAGE_PATH))))


def main(arguments: Sequence[str]) -> int:
    """Status 0 when all three agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--round-trips", type=int, default=10_000)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--transport", choices=TRANSPORTS, default="direct")
    parser.add_argument("--policy", default="coin")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="books-") as name:
        folder = Path(name)
        recordings = asked.recordings or write_recording(folder / "recordings", _QUOTES)
        done = compare(
            certified_in(folder), recordings, folder / "out", asked.round_trips, asked.transport, asked.policy
        )
    trips = int(done.result.figures["round_trips"])
    delta, rate = done.result.figures["reconcile_delta"], trips / done.cpu_seconds
    said = f"books, {asked.transport}: {trips} round trips, {done.trades} trades compared, {done.rows} rows"
    said += f"; reconcile {delta}; {rate:.0f} round trips a second of processor time; {len(done.found)} differences"
    lines = [said, *(f"  {what}" for what in done.found[:20])]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if done.found or trips < asked.round_trips else 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # of this process alone: tests call `main`, and those after them look at logs
    sys.exit(main(sys.argv[1:]))
