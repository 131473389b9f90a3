"""The parts of a session that are no loop: grid, tally, page, journal of paper sessions, money as text."""

import asyncio
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dita.adapters.bingx.endpoints import DEMO
from dita.adapters.exchange import AccountRecord, CutStream, LoseReply, RefuseRequest, SplitFills
from dita.adapters.exchange.orders import Status
from dita.adapters.exchange.record import OrderRecord, PositionRecord
from dita.adapters.logic.fees import Calibration
from dita.kernel.binding import Kernel
from dita.kernel.loader import CertifiedKernel, RawKernel
from dita.runtime import session
from dita.runtime.audit_page import curve, write_audit_page
from dita.runtime.connect import StartError, hosts_for
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.lockstep import Lockstep
from dita.runtime.memory import MemoryMarks, resident_bytes
from dita.runtime.paper import PaperExchange, planned_faults
from dita.runtime.session import SessionResult, failed_checks, fresh_journal_path, money_text, run_session
from dita.runtime.settings import load_settings
from dita.runtime.tally import Tally
from dita.runtime.venue_truth import truth_of_paper
from dita.spec.market import BookTicker
from runtime_parts import ReferenceKernel, trades
from scripted_venue import CONTRACT


def test_a_paper_session_feeds_its_exchange_on_the_contracts_ticks() -> None:
    """A feed finer than the tick is put on it, outwards, with the tick of its own contract; quantities stay."""
    exchange = PaperExchange(("BTC-USDT", "ETH-USDT"), seed=1, faults=(), secret="s")
    for symbol in ("BTC-USDT", "ETH-USDT"):
        tick = exchange.contracts[symbol].tick
        event = exchange.on_its_grid(BookTicker(symbol, 5 * tick + 1, 276, 6 * tick + 1, 277, 1))
        assert event == BookTicker(symbol, 5 * tick, 276, 7 * tick, 277, 1)


@given(some.integers(-(10**20), 10**20))
def test_money_as_text_is_exact(units: int) -> None:
    """Against exact fractions, with all eight places and the sign before the whole."""
    text = money_text(units)
    assert Fraction(text) == Fraction(units, 10**8)
    assert len(text.partition(".")[2]) == 8


def test_the_tally_counts_what_happened() -> None:
    """Twenty trades of one entry and one exit: 20 round trips, 40 fills, none of them partial."""
    tally = tally_of(20)
    assert (tally.round_trips, tally.fills, tally.partial_fills) == (20, 40, 0)
    newest = tally.trades[-1]
    assert (newest.trade, newest.symbol, newest.side, newest.profit) == (20, "BTC-USDT", "LONG", 0)
    assert newest.entry_price == newest.exit_price == 50_000 * 10**10


def tally_of(count: int) -> Tally:
    lockstep = Lockstep(ReferenceKernel())
    tally = Tally(Instruments([Instrument(0, CONTRACT)]))
    for event in trades(count):
        tally.observe(event, lockstep.step(event))
    return tally


def test_the_tally_stays_small() -> None:
    """However many trades there were, only some hundred points and trades are kept, the last among them."""
    tally = tally_of(1500)
    assert len(tally.capital_points) <= 600
    assert len(tally.trades) <= 200
    assert tally.trades[-1].trade == 1500
    steps = {
        later[0] - earlier[0] for earlier, later in zip(tally.capital_points, tally.capital_points[1:], strict=False)
    }
    assert len(steps) == 1


def result_with(problems: tuple[str, ...]) -> SessionResult:
    return SessionResult(
        figures={"round_trips": 20, "reconcile_delta": "0.00000000"}, problems=problems, tally=tally_of(20),
        memory=MemoryMarks(20, lambda: 2**20),
        alerts={"stream gap": 2}, certificate="quick", market="<script>alert(1)</script>", journal_rows=99,
        journal=Path("j"), assumptions=(("latency", "none at all"),), metrics=(),
        decisions=(("DIRECTION", "DC_CONTRADICT", 7),), fee_check=None, calibration=Calibration(),
    )  # fmt: skip


def test_the_page_says_what_happened_and_escapes_what_is_foreign(tmp_path: Path) -> None:
    """Verdict, figures and trades are on it; text from outside is text; every number is within the drawing."""
    good = write_audit_page(result_with(()), tmp_path / "good", 1.0, tmp_path / "report.html").read_text()
    assert "all checks held" in good
    assert '<a href="report.html">' in good
    assert "<script>" not in good
    assert good.count("<tr><td>") >= 20
    assert "<tr><td>DIRECTION</td><td>DC_CONTRADICT</td><td>7</td></tr>" in good
    bad = write_audit_page(result_with(("orphans: `1`, wanted 0",)), tmp_path / "bad", 1.0, None).read_text()
    assert "1 of the checks failed" in bad
    assert "orphans: `1`" in bad
    assert "dita report --journal j" in bad
    picture = ET.fromstring(good[good.index("<svg") : good.index("</svg>") + 6])  # noqa: S314 - our own page
    points = picture[0].attrib["points"].split()
    assert all(0 <= int(x) <= 900 and 0 <= int(y) <= 220 for x, y in (point.split(",") for point in points))


def test_a_curve_rises_with_capital() -> None:
    """More capital is higher up, that is a smaller y; one point is no curve."""
    first, second, third = (int(point.partition(",")[2]) for point in curve([(1, 100), (2, 300), (3, 200)]).split())
    assert second < third < first
    assert curve([(1, 100)]) == ""


def test_a_paper_journal_begins_anew_and_the_last_one_is_kept(tmp_path: Path) -> None:
    """Its exchange begins anew, so the journal must; the previous one, log included, is moved aside."""
    path = fresh_journal_path(tmp_path)
    for suffix in ("", "-wal"):
        Path(f"{path}{suffix}").write_text(f"first{suffix}")
    assert fresh_journal_path(tmp_path) == path
    assert not path.exists()
    assert (path.parent / "previous.sqlite").read_text() == "first"
    assert (path.parent / "previous.sqlite-wal").read_text() == "first-wal"
    path.write_text("second")
    fresh_journal_path(tmp_path)
    assert (path.parent / "previous.sqlite").read_text() == "second"
    assert not (path.parent / "previous.sqlite-wal").exists()


def test_a_start_that_fails_gives_its_kernel_back(
    tmp_path: Path, certified_kernel: CertifiedKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flaw V1: whatever comes after the kernel was opened may refuse the start; the handle is closed all the same."""
    opened: list[Kernel] = []

    def open_kernel(raw: RawKernel) -> Kernel:
        opened.append(Kernel(raw))
        return opened[-1]

    def refuse(**_: object) -> None:
        raise StartError("planted: nothing can be opened")

    monkeypatch.setattr(session, "Kernel", open_kernel)
    monkeypatch.setattr(session, "open_runtime", refuse)
    settings = load_settings({"DITA_PLANE": "off"}, out=tmp_path, round_trips=1, symbols="BTC-USDT")
    with pytest.raises(StartError, match="planted"):
        asyncio.run(run_session(settings, certified_kernel, lambda _text, _done, _total: None))
    assert [kernel.closed for kernel in opened] == [True]


def test_what_trades_carries_no_judge() -> None:
    """With a certificate at hand a session loads neither the conformance package nor a solver."""
    script = (
        "import sys, dita.runtime.cli_session\n"
        "print([name for name in sys.modules if name.startswith(('dita.conformance', 'z3', 'cvc5'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_memory_is_marked_after_a_tenth_and_at_the_end() -> None:
    """Of 50 round trips the first look at 5 or more counts, whenever it comes; a short session has both marks."""
    readings = iter((100, 200))
    marks = MemoryMarks(50, lambda: next(readings))
    for round_trips in (0, 4, 6, 40):
        marks.look(round_trips)
    assert (marks.early, marks.end) == (100, 0)
    marks.finish(50)
    assert (marks.early, marks.end) == (100, 200)
    short = MemoryMarks(1, lambda: 7)
    short.finish(1)
    assert (short.early, short.end) == (7, 7)


def test_resident_memory_grows_with_what_is_held() -> None:
    """64 MiB that were written to are seen, to within a few."""
    before = resident_bytes()
    held = bytearray(b"x") * (64 << 20)
    assert 56 << 20 < resident_bytes() - before < 80 << 20
    assert len(held) == 64 << 20


@pytest.mark.parametrize("orders", [60, 200, 20_000])
def test_every_planned_session_has_every_trouble(orders: int) -> None:
    """A partial fill, a definite rejection, a lost reply and a cut stream come early, whatever the length."""
    faults = planned_faults(orders)
    for kind in (SplitFills, RefuseRequest, LoseReply, CutStream):
        first = [fault.when.nth for fault in faults if isinstance(fault, kind) and fault.when.nth]
        assert first
        assert first[0] <= 40


def test_a_symbol_the_simulator_lacks_is_refused() -> None:
    """By name, with those it has."""
    with pytest.raises(ValueError, match="lists BTC-USDT, ETH-USDT, not `XRP-USDT`"):
        PaperExchange(("XRP-USDT",), seed=1, faults=(), secret="s")


def test_only_this_machine_and_the_demo_venue_are_traded_on() -> None:
    """Loopback URLs become hosts of their own, the demo venue is known, the live one and strangers are refused."""
    assert hosts_for("http://127.0.0.1:8000/").market_stream == "ws://127.0.0.1:8000/swap-market"
    assert hosts_for(DEMO.rest) is DEMO
    for url in ("https://open-api.bingx.com", "https://example.org", "http://127.0.0.1.example.org"):
        with pytest.raises(StartError):
            hosts_for(url)


def test_the_largest_order_fits_the_kernels_bound() -> None:
    """For every sensible contract the largest order at the largest believed price has a notional within the bound."""
    from dataclasses import replace

    for price_precision in range(9):
        for quantity_precision in range(9 - price_precision):
            contract = replace(
                CONTRACT,
                price_precision=price_precision,
                quantity_precision=quantity_precision,
                tick=10 ** (10 - price_precision),
                lot=10 ** (8 - quantity_precision),
            )
            instrument = Instrument(0, contract)
            assert 0 < instrument.quantity_max * instrument.price_max // 10**10 <= 1 << 60
            assert instrument.quantity_max % contract.lot == 0
            lockstep = Lockstep(ReferenceKernel())
            assert lockstep.step(instrument.register()).after.instruments[0].registered == 1


GOOD: dict[str, int | str] = {
    "round_trips": 100, "final_position": 0, "orphans": 0, "reconcile_delta": "0.00000000", "reference_divergences": 0,
    "certificate": "valid",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("final_position", 10_000),
        ("final_position", -1),
        ("orphans", 1),
        ("reconcile_delta", "0.00000001"),
        ("reconcile_delta", "-0.00000001"),
        ("reconcile_delta", "unknown"),
        ("reference_divergences", 1),
        ("certificate", "none"),
    ],
)
def test_one_unit_of_anything_left_is_a_failed_check(name: str, value: int | str) -> None:
    """Good figures pass; a position, an order, 1e-8 USDT, a divergence, or not knowing, each fails by its name."""
    assert failed_checks(GOOD) == []
    found = failed_checks({**GOOD, name: value})
    assert len(found) == 1
    assert found[0].startswith(f"{name}: `{value}`, wanted ")


def record_with(positions: tuple[PositionRecord, ...], orders: tuple[OrderRecord, ...]) -> AccountRecord:
    return AccountRecord("k", True, 5, 7, 0, 0, 0, 0, len(orders), 3, orders, (), positions)


def test_the_truth_is_what_the_exchange_says() -> None:
    """A short position counts as a long one does, only orders that may still fill count, and its wallet is its word."""
    positions = (PositionRecord("BTC-USDT", "LONG", 300, 1), PositionRecord("BTC-USDT", "SHORT", -200, 1))
    orders = tuple(order_with(status) for status in ("NEW", "FILLED", "CANCELLED", "PARTIALLY_FILLED"))
    truth = truth_of_paper(record_with(positions, orders))
    assert (truth.position, truth.open_orders, truth.wallet, truth.fills) == (500, 2, 7, 3)


def order_with(status: Status) -> OrderRecord:
    return OrderRecord(1, "c", "BTC-USDT", "BUY", "LONG", "LIMIT", "GTC", 10, 10, False, status, 0, 0, 0, 0, 1, 1)
