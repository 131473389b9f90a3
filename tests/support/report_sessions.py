"""Journals for the report: a session worked out by hand, and long ones drawn by chance. A row a second."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, TypedDict

from dita.adapters.journal import Entry, Note, Row
from dita.adapters.journal.store import JournalStore
from dita.runtime.lockstep import Lockstep
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import IncomeKind, Part, RejectReason, Side, Verdict
from runtime_parts import PRICE, SECOND, ReferenceKernel, open_test_journal, registered

START_NS: Final = 1_795_950_000 * SECOND
SYMBOL: Final = "BTC-USDT"
HOSTILE: Final = "</td></table><script>alert('why')</script>\"&<svg onload=x> \x01 {{ 7*7 }} ]]> "
_TENTH: Final = QUANTITY_SCALE // 10
_TAKER_PPB: Final = 500_000


class Written(NamedTuple):
    """A row to be: the input and its notes."""

    event: Input
    notes: tuple[Note, ...] = ()


class Place(TypedDict):
    """Where a trade lives."""

    slot: int
    instrument: int
    trade: int


def every_second(number: int) -> int:
    """When a row is written."""
    return START_NS + number * SECOND


def write_journal(
    path: Path,
    rows: Iterable[Written | Input],
    symbol: str = SYMBOL,
    wall_ns: Callable[[int], int] = every_second,
) -> Path:
    """A journal of these rows. What the reference refuses would be no row: it raises AssertionError."""
    asyncio.run(_make(path, symbol))
    store = JournalStore(path)
    store.write(_entries(rows, wall_ns))  # in one transaction
    store.close()
    return path


async def _make(path: Path, symbol: str) -> None:
    journal = open_test_journal(path)
    journal.instrument_number(symbol, 64)
    await journal.close()


def _entries(rows: Iterable[Written | Input], wall_ns: Callable[[int], int]) -> Iterator[Entry]:
    lockstep = Lockstep(ReferenceKernel())
    for number, row in enumerate(rows, 1):
        event, notes = row if isinstance(row, Written) else (row, ())
        outcome = lockstep.step(event).outcome
        assert outcome.verdict != Verdict.REFUSED, f"row {number}: {outcome} for {event}"
        yield Entry(Row(number, event, 0, lockstep.digest(event, outcome), wall_ns(number)), notes)


def usdt(text: str) -> int:
    """1e-8 USDT."""
    whole, _, digits = text.lstrip("-").partition(".")
    return (-1 if text.startswith("-") else 1) * int(whole + digits.ljust(8, "0"))


def worked_out(why: str = "a reason") -> list[Written | Input]:
    """Three trades whose figures ``test_report`` has worked out by hand; ``why``: what the policy says of the first."""
    first, second, third = (Place(slot=0, instrument=0, trade=trade) for trade in (1, 2, 3))
    sold = 2 * _TENTH
    register, _, seed = registered()
    return [
        register,
        inputs.set_limits(slot_limit=16, leverage_max_ppm=3_000_000, tolerance=usdt("1")),
        seed,
        Written(
            inputs.enter(**first, side=Side.LONG, quantity=_TENTH, price=PRICE, ratios=(500_000, 1_000_000)),
            (intent(1, why), held("DIRECTION", "DC_CONTRADICT", 3, why)),
        ),
        inputs.order(**first, attempt=0, quantity=_TENTH * 4 // 10, quote=usdt("2000.4"), done=False, time_ns=5),
        inputs.order(**first, attempt=0, quantity=_TENTH, quote=usdt("5002"), done=True, time_ns=6),
        inputs.exit_leg(**first, leg=0, limit_price=50_100 * PRICE_SCALE),
        inputs.order(**first, attempt=1, quantity=_TENTH // 2, quote=usdt("2505"), done=True, time_ns=8),
        inputs.exit_leg(**first, leg=1, limit_price=50_110 * PRICE_SCALE),
        inputs.order(**first, attempt=2, quantity=_TENTH // 2, quote=usdt("2506"), done=True, time_ns=10),
        inputs.settle(**first, part=Part.ENTRY, quantity=_TENTH, quote=usdt("5002"), fee=usdt("2.6"), time_ns=6),
        inputs.settle(**first, part=Part.EXIT, quantity=_TENTH, quote=usdt("5011"), fee=usdt("2.5"), time_ns=10),
        inputs.income(kind=IncomeKind.FUNDING, rows=1, total=usdt("-0.75"), time_ns=13),
        inputs.income(kind=IncomeKind.FUNDING, rows=2, total=usdt("-0.25"), time_ns=14),
        inputs.income(kind=IncomeKind.TRANSFER, rows=1, total=usdt("500"), time_ns=15),
        Written(
            inputs.enter(**second, side=Side.SHORT, quantity=2 * _TENTH, price=PRICE),
            (intent(2, "down"), held("DIRECTION", "DC_CONTRADICT", 2, "x"), held("SIZING", "ABOVE_MARGIN", 1, "y")),
        ),
        inputs.order(**second, attempt=0, quantity=2 * _TENTH, quote=usdt("9998"), done=True, time_ns=17),
        inputs.flatten(**second),
        inputs.order(**second, attempt=1, quantity=2 * _TENTH, quote=usdt("10008"), done=True, time_ns=19),
        inputs.enter(**third, side=Side.LONG, quantity=_TENTH, price=PRICE),
        inputs.rejected(**third, attempt=0, reason=RejectReason.REFUSED, time_ns=21),
        inputs.wallet(amount=usdt("100480.647"), as_of_ns=SECOND + 22),
        inputs.settle(**second, part=Part.ENTRY, quantity=sold, quote=usdt("9998"), fee=usdt("4.999"), time_ns=17),
        inputs.settle(**second, part=Part.EXIT, quantity=sold, quote=usdt("10008"), fee=usdt("5.004"), time_ns=19),
        inputs.income(kind=IncomeKind.ADJUSTMENT, rows=1, total=usdt("-3"), time_ns=SECOND + 22),
        reading(_TENTH, 26),
        reading(0, 27),
    ]  # fmt: skip


def reading(long_quantity: int, second: int) -> Input:
    """The venue's position, so many seconds after the seed."""
    return inputs.position(
        slot=0, instrument=0, long_quantity=long_quantity, short_quantity=0, foreign_orders=0,
        as_of_ns=SECOND + second,
    )  # fmt: skip


def intent(trade: int, why: str) -> Note:
    """As the strategist writes it."""
    return Note(trade, "intent", json.dumps({"symbol": SYMBOL, "side": "LONG", "quantity": 1, "price": 1, "why": why}))


def held(check: str, reason: str, count: int, why: str) -> Note:
    """As the strategist writes it."""
    body = {
        "symbol": SYMBOL, "side": "LONG", "check": check, "reason": reason, "facts": {"said": why}, "why": why,
        "count": count, "wall_ns": START_NS,
    }  # fmt: skip
    return Note(0, "held", json.dumps(body))


def drawn(seed: int, trades: int) -> Iterator[Input]:
    """A session of settled trades of every size, side and luck, with funding, transfers and a rejection in between."""
    rng = Random(f"report {seed}")
    yield from registered()
    totals = {IncomeKind.FUNDING: 0, IncomeKind.TRANSFER: 0}
    for trade in range(1, trades + 1):
        place = Place(slot=trade % 3, instrument=0, trade=trade)
        side = rng.choice((Side.LONG, Side.SHORT))
        quantity = rng.randint(1, 2000) * 10_000
        yield inputs.enter(**place, side=side, quantity=quantity, price=PRICE, ratios=(400_000, 1_000_000))
        if rng.random() < 0.05:
            yield inputs.rejected(**place, attempt=0, reason=RejectReason.REFUSED, time_ns=SECOND + trade)
            continue
        entry = _quote(quantity, rng)
        yield inputs.order(**place, attempt=0, quantity=quantity, quote=entry, done=True, time_ns=SECOND + trade)
        yield inputs.flatten(**place)
        exit_ = _quote(quantity, rng)
        yield inputs.order(**place, attempt=1, quantity=quantity, quote=exit_, done=True, time_ns=SECOND + trade)
        for part, quote in ((Part.ENTRY, entry), (Part.EXIT, exit_)):
            fee = quote * _TAKER_PPB // 10**9 + rng.randint(-1000, 100_000)
            yield inputs.settle(**place, part=part, quantity=quantity, quote=quote, fee=fee, time_ns=SECOND + trade)
        kind = rng.choice((None, None, IncomeKind.FUNDING, IncomeKind.TRANSFER))
        if kind is not None:
            totals[kind] += rng.randint(-30, 30) * MONEY_SCALE or 1
            yield inputs.income(kind=kind, rows=trade, total=totals[kind], time_ns=SECOND + trade)


def _quote(quantity: int, rng: Random) -> int:
    return quantity * (PRICE + rng.randint(-900, 900) * PRICE_SCALE // 10) // 10**10
