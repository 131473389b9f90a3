"""``dita report``: figures worked out by hand, a second opinion from the raw rows, and a page that nothing breaks."""

import gzip
import json
import sqlite3
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from decimal import Decimal
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final, cast
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dita.adapters.journal import JournalCorrupt, JournalMissing, open_reader
from dita.conformance.defects import defects, planted
from dita.reference import step
from dita.runtime.cli_report import Report, Reporter
from dita.runtime.entries import exit_note
from dita.runtime.report.charts import drawdowns, thinned
from dita.runtime.report.command import read_facts, report
from dita.runtime.report.facts import Facts, Mark, MarkKind
from dita.runtime.report.figures import rounded
from dita.runtime.report.scales import grouped, length_text, time_axis, value_axis
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import unpack
from dita.spec.scales import PRICE_SCALE
from dita.spec.state import capital, initial_state
from dita.spec.vocabulary import IncomeKind, Kind, Mode, Part, Side
from report_sessions import HOSTILE, START_NS, Place, Written, drawn, reading, usdt, worked_out, write_journal
from runtime_parts import PRICE, SECOND, registered

RECORDED: Final = Path(__file__).parents[1] / "adapters" / "journals" / "version-1.sqlite.gz"
SVG: Final = "{http://www.w3.org/2000/svg}"
XHTML: Final = "{http://www.w3.org/1999/xhtml}"
WORKED_OUT: Final[dict[str, object]] = {
    # Trade 1: 0.1 long, bought for 5002 (reference 5000), sold for 2505 at a limit of 50100 and 2506 at one of 50110.
    # Trade 2: 0.2 short, sold for 9998 (reference 10000), bought back for 10008 at market. Trade 3: rejected.
    "rows": 27, "round_trips": 2, "wins": 1, "losses": 1, "even": 0, "live": 0, "came_to_nothing": 1,
    "capital_start": "100000.00000000",
    "realised": "-1.00000000",  # 5011 - 5002 = 9, and 9998 - 10008 = -10
    "fees": "15.10300000",  # 2.6 + 2.5 + 4.999 + 5.004
    "fees_still_predicted": "0.00000000",
    "fees_predicted_of_settled": "15.00950000",  # 0.05 % of 5002, 5011, 9998 and 10008
    "fees_settled": "15.10300000",
    "funding": "-0.25000000",  # 0.75 paid, then 0.50 received
    "transfers": "500.00000000", "adjustments": "-3.00000000",
    "capital_end": "100480.64700000",
    "drawdown": "23.34650000",  # from 100003.9935 after the exit of trade 1 to 99980.647, the transfer left out
    "drawdown_ppm": 233,
    "entry_slippage": "4.00000000", "entry_slippage_ppm": 267,  # 2 and 2, of 15000
    "entries_without_reference": 0,
    "exit_slippage": "-0.50000000", "exit_slippage_ppm": -100,  # 2505 + 2505.5 at the limits, 5011 got
    "exits_without_reference": 1,
    "held_shortest_ns": 2 * SECOND, "held_median_ns": 3_500_000_000, "held_longest_ns": 5 * SECOND,
    "worst_difference": "-3.00000000", "worst_difference_row": 22,
    "frozen_times": 1, "frozen_ns": SECOND,  # from the last settlement, which explains it no more, to the adjustment
}  # fmt: skip


def report_of(path: Path, html: Path | None = None) -> Report:
    return report(Reporter(), journal=path, last=40, html=html)


def facts_of(path: Path) -> Facts:
    reader = open_reader(path)
    try:
        return read_facts(reader, Reporter())
    finally:
        reader.close()


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of the session that is worked out by hand."""
    return write_journal(tmp_path_factory.mktemp("report") / "by-hand.sqlite", worked_out())


@pytest.fixture(scope="module")
def by_chance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of 60 trades drawn by chance."""
    return write_journal(tmp_path_factory.mktemp("report") / "by-chance.sqlite", drawn(1, 60))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real session, in the schema of then."""
    path = tmp_path_factory.mktemp("report") / "recorded.sqlite"
    path.write_bytes(gzip.decompress(RECORDED.read_bytes()))
    return path


# --- figures ---------------------------------------------------------------------------------------------------------


def test_every_figure_is_as_worked_out_by_hand(by_hand: Path) -> None:
    """Money, drawdown, slippage, holding times and the frozen second of a session of three trades."""
    figures = dict(report_of(by_hand).figures)
    trades = figures.pop("trades")
    assert (figures.pop("began_ns"), figures.pop("ended_ns")) == (START_NS + SECOND, START_NS + 27 * SECOND)
    assert figures == WORKED_OUT
    first, second, third = cast("list[dict[str, object]]", trades)
    assert (first["realised"], first["fees"], first["why"]) == (usdt("9"), usdt("5.1"), "a reason")
    assert (second["side"], second["realised"], second["fees"]) == ("SHORT", usdt("-10"), usdt("10.003"))
    assert (third["entry_quantity"], third["ended_by"]) == (0, "REJECTED (REFUSED) of trade 3: ROLLED_BACK")


def test_what_was_decided_and_what_differed_is_told_with_its_cause(by_hand: Path) -> None:
    """Holds are added up by gate and reason; differences and times without trading have who began and ended them."""
    facts = facts_of(by_hand)
    assert {key: hold.count for key, hold in facts.holds.items()} == {
        ("DIRECTION", "DC_CONTRADICT"): 5, ("SIZING", "ABOVE_MARGIN"): 1,
    }  # fmt: skip
    assert facts.flagged == {("POSITION", "POSITION_MISMATCH"): 1}
    assert [(one.position, one.difference, one.is_frozen, one.cause) for one in facts.differences] == [
        (22, usdt("-3"), False, "WALLET: OK"),
        (24, usdt("-3"), True, "SETTLE of trade 2: OK"),
        (25, 0, False, "INCOME ADJUSTMENT: OK"),
    ]
    assert [(span.what, span.cause, span.ended_by, span.end_ns - span.begin_ns) for span in facts.spans] == [
        ("capital frozen", "SETTLE of trade 2: OK", "INCOME ADJUSTMENT: OK", SECOND),
        ("BTC-USDT unexplained", "POSITION: POSITION_MISMATCH", "POSITION: OK", SECOND),
    ]
    assert facts.unreadable_notes == 0


def test_marks_are_fills_at_their_own_prices(by_hand: Path) -> None:
    """A partial fill and its rest are two marks: 0.04 at 50010, then 0.06 for 3001.6, that is at 50026.66."""
    marks = facts_of(by_hand).marks[0]
    assert [(mark.trade, mark.kind, mark.quantity, mark.price // 10**8) for mark in marks] == [
        (1, MarkKind.ENTRY, 4_000_000, 5_001_000),
        (1, MarkKind.ENTRY, 6_000_000, 5_002_666),
        (1, MarkKind.EXIT, 5_000_000, 5_010_000),
        (1, MarkKind.EXIT, 5_000_000, 5_012_000),
        (2, MarkKind.ENTRY, 20_000_000, 4_999_000),
        (2, MarkKind.EXIT, 20_000_000, 5_004_000),
    ]


def test_an_exit_is_judged_by_the_price_it_was_decided_on(tmp_path: Path) -> None:
    """By its limit, else by the quote in its note; one without either makes the trade one without a reference.

    Trade 1, long: 0.05 wanted at 50000 and sold at 49990, 0.05 wanted at 50020 and sold there. Trade 2 leaves its
    second half without a note, after a first half at a limit.
    """
    half = 5_000_000
    rows: list[Written | Input] = [*registered()]
    for trade, exits in ((1, ((50_000, 0), (50_020, 0))), (2, ((0, 50_100), (0, 0)))):
        place = Place(slot=0, instrument=0, trade=trade)
        ratios = (500_000, 1_000_000)
        rows += [
            inputs.enter(**place, side=Side.LONG, quantity=2 * half, price=PRICE, ratios=ratios),
            inputs.order(**place, attempt=0, quantity=2 * half, quote=usdt("5000"), done=True, time_ns=SECOND),
        ]
        for leg, (noted, limit) in enumerate(exits):
            notes = (exit_note(trade, noted * PRICE_SCALE, "out"),) if noted else ()
            rows.append(Written(inputs.exit_leg(**place, leg=leg, limit_price=limit * PRICE_SCALE), notes))
            quote = usdt(("2499.5", "2501")[leg])
            rows.append(inputs.order(**place, attempt=leg + 1, quantity=half, quote=quote, done=True, time_ns=SECOND))
    figures = report_of(write_journal(tmp_path / "j", rows)).figures
    assert (figures["exit_slippage"], figures["exit_slippage_ppm"]) == ("0.50000000", 100)
    assert figures["exits_without_reference"] == 1


def test_a_trade_that_was_found_and_closed_outside_is_told_so(tmp_path: Path) -> None:
    """Adopted at 5000, half of it closed by somebody else for 2490, the rest still held: live, and no slippage."""
    place = Place(slot=0, instrument=0, trade=1)
    rows: list[Written | Input] = [
        *registered(),
        reading(10_000_000, 5),
        inputs.adopt(**place, side=Side.LONG, quantity=10_000_000, quote=usdt("5000"), price=PRICE, time_ns=SECOND + 6),
        inputs.external_close(**place, quantity=5_000_000, quote=usdt("2490"), time_ns=SECOND + 7),
    ]
    path = write_journal(tmp_path / "j", rows)
    report = report_of(path, tmp_path)
    figures = report.figures
    assert (figures["live"], figures["round_trips"], figures["entries_without_reference"]) == (1, 0, 1)
    assert figures["realised"] == "-10.00000000"
    assert figures["fees_still_predicted"] == figures["fees"] == "3.74500000"  # 0.05 % of 5000 and of 2490
    facts = facts_of(path)
    assert [(mark.kind, mark.quantity) for mark in facts.marks[0]] == [
        (MarkKind.ENTRY, 10_000_000), (MarkKind.OUTSIDE, 5_000_000),
    ]  # fmt: skip
    assert facts.trades[1].outside_quantity == 5_000_000
    assert [(span.cause, span.end_ns) for span in facts.spans] == [("POSITION: POSITION_MISMATCH", 0)]
    (row,) = parsed(tmp_path).iterfind(f".//{XHTML}table[@class='trades']/{XHTML}tbody/{XHTML}tr")
    assert [row[at].text for at in (0, 2, 4, 8)] == ["1", "live", "long, adopted", "–"]


def test_times_without_new_trades_are_told_by_mode(tmp_path: Path) -> None:
    """Halted for a second, then reducing only for another, then neither; each has its lane in the picture."""
    modes = (Mode.HALTED, Mode.REDUCE_ONLY, Mode.ACTIVE)
    path = write_journal(tmp_path / "j", [*registered(), *(inputs.set_mode(mode) for mode in modes)])
    report_of(path, tmp_path)
    assert [(span.what, span.end_ns - span.begin_ns, span.ended_by) for span in facts_of(path).spans] == [
        ("HALTED", SECOND, "SET_MODE: OK"), ("REDUCE_ONLY", SECOND, "SET_MODE: OK"),
    ]  # fmt: skip
    spans = [rect[0].text or "" for rect in parsed(tmp_path).iter(f"{SVG}rect") if rect.get("class") == "span"]
    assert [text.partition(" ")[0] for text in spans] == ["HALTED", "REDUCE_ONLY"]


def raw_inputs(path: Path) -> list[Input]:
    """The inputs of a journal, by another program."""
    with closing(sqlite3.connect(path)) as file:
        return [unpack(Input, data) for (data,) in file.execute("SELECT input FROM rows ORDER BY position")]


def second_opinion(path: Path) -> dict[str, str]:
    """The totals of a session of settled trades, from its raw rows by decimal arithmetic: no kernel, no ledger."""
    events = raw_inputs(path)
    money = Decimal("1e-8")
    sides = {event.trade: event.side for event in events if event.kind == Kind.ENTER}
    newest: dict[tuple[int, int], Input] = {}
    totals = dict.fromkeys(IncomeKind, Decimal(0))
    seed = Decimal(0)
    for event in events:
        if event.kind == Kind.SETTLE:
            newest[event.trade, event.part] = event
        elif event.kind == Kind.INCOME:
            totals[IncomeKind(event.income_kind)] = event.amount * money
        elif event.kind == Kind.SEED:
            seed = event.amount * money
    realised = fees = Decimal(0)
    for (trade, part), event in newest.items():
        received = (part == Part.EXIT) == (sides[trade] == Side.LONG)
        realised += event.quote * money if received else -event.quote * money
        fees += event.amount * money
    end = seed + realised - fees + sum(totals.values())
    return {
        name: f"{value:.8f}"
        for name, value in {
            "capital_start": seed, "realised": realised, "fees": fees, "funding": totals[IncomeKind.FUNDING],
            "transfers": totals[IncomeKind.TRANSFER], "adjustments": totals[IncomeKind.ADJUSTMENT], "capital_end": end,
        }.items()
    }  # fmt: skip


def deepest_fall(path: Path) -> str:
    """By comparing each capital with every earlier one, transfers left out."""
    state = initial_state()
    earned: list[int] = []
    for event in raw_inputs(path):
        state, _ = step(state, event)
        ledger = state.account.ledger
        if ledger.seed:
            earned.append(capital(ledger) - ledger.transfers)
    fall = max(max(earned[: at + 1]) - now for at, now in enumerate(earned))
    return f"{Decimal(fall) / 10**8:.8f}"


@pytest.mark.parametrize("name", ["by_hand", "by_chance", "recorded"])
def test_a_second_opinion_agrees(name: str, request: pytest.FixtureRequest) -> None:
    """Totals from the raw rows, the deepest fall over all pairs, and the trades add up to the account."""
    path: Path = request.getfixturevalue(name)
    figures = report_of(path).figures
    opinion = second_opinion(path) | {"drawdown": deepest_fall(path)}
    assert {key: figures[key] for key in opinion} == opinion
    facts = facts_of(path)
    assert sum(trade.realised for trade in facts.trades.values()) == facts.ledger.realised
    assert sum(trade.fees for trade in facts.trades.values()) == facts.ledger.fees
    assert min(value for _, value in drawdowns(facts)) == -facts.drawdown.money


def test_a_clock_that_was_set_back_does_not_turn_the_report_round(by_hand: Path, tmp_path: Path) -> None:
    """An hour back in the middle: rows stay in their order, no time is before the one above it, the money is equal."""
    path = write_journal(tmp_path / "j", worked_out(), wall_ns=lambda n: START_NS + (n if n < 9 else n - 3600) * SECOND)
    facts = facts_of(path)
    times = [point.time_ns for point in facts.points]
    assert times == sorted(times)
    assert times[-1] == facts.now_ns == START_NS + 8 * SECOND
    assert [point[1:] for point in facts.points] == [point[1:] for point in facts_of(by_hand).points]


@pytest.mark.parametrize("refused", [JournalMissing, JournalCorrupt])
def test_a_journal_that_cannot_be_read_makes_no_report(refused: type[Exception], by_hand: Path, tmp_path: Path) -> None:
    """A missing and a damaged one: the journal's own error, and no page."""
    path = tmp_path / "j"
    if refused is JournalCorrupt:
        path.write_bytes(by_hand.read_bytes())
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE rows SET wall_ns = 0 WHERE position = 5")
    with pytest.raises(refused):
        report_of(path, tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_an_empty_journal_is_a_report_of_nothing(tmp_path: Path) -> None:
    """No row, no trade, no division by what is not there."""
    report = report_of(write_journal(tmp_path / "j", []), tmp_path)
    assert (report.figures["rows"], report.figures["round_trips"], report.figures["drawdown_ppm"]) == (0, 0, 0)
    parsed(tmp_path)


# --- the page --------------------------------------------------------------------------------------------------------


def parsed(folder: Path) -> ET.Element:
    """The page as XML, which is stricter than a browser."""
    return ET.fromstring((folder / "report.html").read_text(encoding="utf-8"))  # noqa: S314 - our own page


class Foreign(HTMLParser):
    """What a browser would make of the page: elements and attributes that can only come from foreign text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See the class."""
        if tag in ("script", "marquee") or any(name.startswith("on") for name, _ in attrs):
            self.found.append(tag)


def foreign_elements(page: str) -> list[str]:
    parser = Foreign()
    parser.feed(page)
    return parser.found


def test_foreign_text_stays_text(tmp_path: Path) -> None:
    """A policy's reason and a symbol full of markup and control characters: no element comes of it, all is shown."""
    symbol = '<marquee onclick="x">&\x1b[31m'
    path = write_journal(tmp_path / "j", worked_out(HOSTILE), symbol)
    shown = report_of(path, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert foreign_elements(page) == []
    assert foreign_elements(page.replace("&lt;script&gt;", "<script>")) == ["script"]  # what is looked for is found
    texts = ["".join(cell.itertext()) for cell in parsed(tmp_path).iter(f"{XHTML}td")]
    assert any(text.startswith(HOSTILE.replace("\x01", "\ufffd")) for text in texts)
    assert "{{ 7*7 }}" in page
    assert "\x1b" not in page
    assert shown.figures["rows"] == 27


def test_the_page_asks_nobody_for_anything(by_hand: Path, tmp_path: Path) -> None:
    """No script, no address but the names of the two vocabularies; its own policy forbids the rest."""
    report_of(by_hand, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    addresses = {word for word in page.replace('"', " ").split() if "://" in word}
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}
    assert "default-src 'none'" in page


@pytest.mark.parametrize("name", ["by_hand", "by_chance", "recorded"])
def test_every_trade_is_there_and_every_mark_lies_in_the_plot(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A row a trade; each fill has its mark with the trade's number; every place is within its drawing."""
    path: Path = request.getfixturevalue(name)
    report_of(path, tmp_path)
    facts = facts_of(path)
    page = parsed(tmp_path)
    (table,) = (one for one in page.iter(f"{XHTML}table") if one.get("class") == "trades")
    listed = {row[0].text for row in table.iter(f"{XHTML}tr")} - {"trade"}
    assert listed == {str(trade.trade) for trade in facts.trades.values() if trade.entry_quantity}
    titles = [group[0].text or "" for group in page.iter(f"{SVG}g")]
    marks = [mark for every in facts.marks.values() for mark in every]
    assert sorted(title.partition(",")[0] for title in titles) == sorted(f"trade {mark.trade}" for mark in marks)
    for picture in page.iter(f"{SVG}svg"):
        height = int(picture.attrib["height"])
        for element in picture.iter():
            check_inside(element, height)


def check_inside(element: ET.Element, height: int) -> None:
    """Percents between 0 and 100, pixels between 0 and the height."""
    for name in ("x", "x1", "x2", "cx"):
        value = element.get(name, "0")
        assert 0 <= float(value.rstrip("%")) <= 100, ET.tostring(element)
    for name in ("y", "y1", "y2", "cy"):
        assert 0 <= float(element.get(name, "0")) <= height, ET.tostring(element)


@pytest.mark.parametrize("outside", ['x="101%"', 'cx="-1%"', 'y="-0.5"', 'y2="301"'])
def test_what_lies_outside_is_seen(outside: str) -> None:
    """The check above can fail: beyond the right border, the left, the top and the bottom."""
    with pytest.raises(AssertionError):
        check_inside(ET.fromstring(f"<circle {outside}/>"), 300)  # noqa: S314 - our own text


def test_a_long_session_stays_small(tmp_path: Path) -> None:
    """Of many marks each column keeps the lowest and the highest of a kind; the caption says how many are drawn."""
    marks = [Mark(n, n, MarkKind.ENTRY, 1, (n * 7919) % 1000) for n in range(5000)]
    kept = thinned(marks, time_axis(0, 5000))
    assert len(kept) <= 2 * 100
    assert {min(mark.price for mark in marks), max(mark.price for mark in marks)} <= {mark.price for mark in kept}
    assert thinned(marks[:100], time_axis(0, 5000)) == marks[:100]
    report_of(write_journal(tmp_path / "j", drawn(2, 250)), tmp_path)
    assert " marks are drawn." in "".join(parsed(tmp_path).itertext())


# --- axes ------------------------------------------------------------------------------------------------------------


@given(some.integers(-(10**17), 10**17), some.integers(0, 10**17))
def test_values_keep_their_order_and_ticks_their_places(low: int, length: int) -> None:
    """Higher is further up and inside; at most six round ticks, each written exactly, none outside."""
    axis = value_axis([low, low + length], 300, 1000, 10**8)
    assert 300 <= axis.at(low + length) <= axis.at(low) <= 1300
    ticks = axis.ticks()
    assert len(ticks) <= 6
    assert [tick.at for tick in ticks] == sorted((tick.at for tick in ticks), reverse=True)
    for tick in ticks:
        value = Decimal(tick.label.replace(",", "").replace("−", "-")) * 10**8
        assert value == int(value)
        assert axis.at(int(value)) == tick.at


@given(some.integers(0, 2 * 10**18), some.integers(0, 10**18))
def test_moments_keep_their_order_and_ticks_are_few(begin: int, length: int) -> None:
    """The beginning is left, the end is right, in between at most six ticks."""
    axis = time_axis(begin, begin + length)
    assert axis.at(axis.begin_ns) == 0
    assert axis.at(axis.end_ns) == 100_000
    assert len(axis.ticks()) <= 6
    assert all(0 <= tick.at <= 100_000 for tick in axis.ticks())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (grouped(123_456_789_012, 10**8), "1,234.56789012"),
        (grouped(-100_000_000_000, 10**8, 10**8), "−1,000"),
        (grouped(-5, 10**8, 5), "−0.00000005"),
        (length_text(999_999_999), "999 ms"),
        (length_text(61 * SECOND), "1 min 1 s"),
        (length_text(25 * 3600 * SECOND), "1 d 1 h"),
        (str(rounded(-5, 2)), "-2"),
        (str(rounded(7, 2)), "4"),
    ],
)
def test_numbers_as_text(text: str, wanted: str) -> None:
    """Exactly, with thousands grouped and no place too many; halves go to the even neighbour."""
    assert text == wanted


# --- planted defects -------------------------------------------------------------------------------------------------

DEFECTS: Final = {defect.name: defect for defect in defects() if defect.name.startswith("report-")}


@contextmanager
def reporting_from(tree: Path) -> Generator[Any]:
    """The report's package as it is in a scratch tree; everything else is ours."""
    name = "dita.runtime.report"
    ours = {key: sys.modules.pop(key) for key in list(sys.modules) if key.startswith(name)}
    folder = tree / "runtime" / "dita" / "runtime" / "report"
    spec = spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(package)
    try:
        yield import_module(f"{name}.command")
    finally:
        for key in [key for key in sys.modules if key.startswith(name)]:
            del sys.modules[key]
        sys.modules.update(ours)


def test_there_are_planted_defects() -> None:
    """An empty list would prove nothing."""
    assert len(DEFECTS) >= 6


@pytest.mark.parametrize("name", [None, *DEFECTS])
def test_a_planted_defect_makes_a_figure_wrong(name: str | None, by_hand: Path, tmp_path: Path) -> None:
    """Sign of funding, wrong peak, transfers as profit and the rest: seen in the figures worked out by hand."""
    with planted(DEFECTS[name] if name else None) as tree, reporting_from(tree) as command:
        assert Path(command.__file__).is_relative_to(tree)
        figures = dict(command.report(Reporter(), journal=by_hand, last=1, html=tmp_path).figures)
    differing = {key for key, value in WORKED_OUT.items() if figures[key] != value}
    assert bool(differing) == (name is not None), json.dumps(sorted(differing))
