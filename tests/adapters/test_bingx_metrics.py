"""What the adapter counts: each counter is there from the beginning, rises with what it counts, and reads as text."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from dita.adapters.bingx.metrics import Metric, adapter_metrics, prometheus_text
from dita.adapters.bingx.transport import FailureKind
from dita.adapters.bingx.websocket import Cause
from dita.adapters.exchange import (
    CutStream,
    CutStreamsAt,
    Fault,
    LimitRate,
    LoseReply,
    RefuseRequest,
    SpoilFrame,
    SpoilReply,
    StepClockAt,
)
from dita.spec.clearance import Clearance
from fault_session import BID, SYMBOL, FaultSession, Play, played

START_MS = 1_761_000_000_000
ORDERS = "ORDER_TRADE_UPDATE"


def counted(session: FaultSession) -> dict[str, int]:
    """Every counter that is not 0, by name and labels."""
    metrics = adapter_metrics(session.desk, (session.stream, session.market))
    return {shown(metric): metric.value for metric in metrics if metric.value}


def shown(metric: Metric) -> str:
    return " ".join([metric.name, *(value for _, value in metric.labels)])


async def one_order(session: FaultSession) -> object:
    """What one submit moves."""
    before = counted(session)
    await session.trader.submit(session.order())
    return moved(before, counted(session))


async def one_cancel(session: FaultSession) -> object:
    """What the cancel of an order that is not there moves."""
    before = counted(session)
    await session.trader.cancel(SYMBOL, "nobody")
    return moved(before, counted(session))


async def a_read(session: FaultSession) -> object:
    """What a read moves."""
    before = counted(session)
    await session.reads(1)
    return moved(before, counted(session))


async def late_order(session: FaultSession) -> object:
    """What an order half a minute later moves."""
    await asyncio.sleep(31)
    return await one_order(session)


async def a_minute_of_both_streams(session: FaultSession) -> object:
    """What a minute with an order moves in the streams, but for the time in the dark."""
    await session.market_is_live()
    following = await session.listen()
    await session.trader.submit(session.order())
    for _ in range(60):
        session.price(BID)  # a market without data would end its session
        await asyncio.sleep(1)
    following.cancel()
    return {name: value for name, value in counted(session).items() if "_stream_" in name and "dark" not in name}


def moved(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


def both(sessions: int, **ends: int) -> dict[str, int]:
    """The account stream's counters as given; the market stream came up once."""
    wanted = {f"bingx_stream_{name}_total market stream": 1 for name in ("sessions", "restored")}
    wanted |= {f"bingx_stream_{name}_total account stream": sessions for name in ("sessions", "restored")}
    if sessions > 1:
        wanted["bingx_stream_gaps_total account stream"] = sessions - 1
    for name, count in ends.items():
        wanted[f"bingx_stream_endings_total account stream {name.replace('_', ' ')}"] = count
    return wanted


SENT, ACCEPTED, UNKNOWN = "bingx_requests_total", "bingx_submits_total accepted", "bingx_submits_total unknown"
REJECTED, PAUSED = "bingx_submits_total rejected", "bingx_pauses_total"
TIMED_OUT = "bingx_failures_total timed out"
ROWS: list[tuple[Play, tuple[Fault, ...], dict[str, int]]] = [
    (one_order, (), {SENT: 1, ACCEPTED: 1}),
    (one_order, (LoseReply("hang"),), {SENT: 1, UNKNOWN: 1, TIMED_OUT: 1}),
    (one_order, (LoseReply("reset"),), {SENT: 1, UNKNOWN: 1, "bingx_failures_total connection lost": 1}),
    (one_order, (SpoilReply(504),), {SENT: 1, UNKNOWN: 1}),
    (one_order, (RefuseRequest(101204, "Insufficient margin"),), {SENT: 1, REJECTED: 1}),
    (one_order, (RefuseRequest(777777, "news"),), {SENT: 1, UNKNOWN: 1, "bingx_notices_total": 1}),
    (one_order, (LimitRate("http429"),), {SENT: 1, REJECTED: 1, PAUSED: 1}),
    (one_cancel, (), {SENT: 1, "bingx_cancels_total not found": 1}),
    (a_read, (LoseReply("hang", on="read"),), {SENT: 1, TIMED_OUT: 1}),
    (late_order, (StepClockAt(START_MS + 30_000, 7000),), {SENT: 1, REJECTED: 1, "bingx_clock_refusals_total": 1}),
    (a_minute_of_both_streams, (), both(1)),
    (a_minute_of_both_streams, (CutStream(ORDERS),), both(2, connection_lost=1)),
    (a_minute_of_both_streams, (SpoilFrame("garbage", event=ORDERS),), both(2, undecodable=1)),
    (a_minute_of_both_streams, (SpoilFrame("wrong_types", event=ORDERS),), both(2, unreadable_order=1)),
    (a_minute_of_both_streams, (CutStreamsAt(START_MS + 30_000, "account", how="silent"),), both(2, silent=1)),
]  # fmt: skip


@pytest.mark.parametrize(("play", "faults", "wanted"), ROWS)
def test_a_counter_rises_with_what_it_counts(
    play: Play, faults: Sequence[Fault], wanted: dict[str, int], clearance: Clearance
) -> None:
    """By exactly what has happened, and no other counter moves."""
    assert played(play, clearance, *faults)[0] == wanted


def test_every_counter_is_there_from_the_beginning(clearance: Clearance) -> None:
    """Each failure, cancel and ending that there can be, at 0; and so a counter that is not there is noticed."""

    async def play(session: FaultSession) -> None:
        metrics = adapter_metrics(session.desk, (session.stream, session.market))
        names = {shown(metric) for metric in metrics}
        assert len(names) == len(metrics)
        assert names >= {f"bingx_failures_total {kind.value}" for kind in FailureKind}
        for stream in ("account stream", "market stream"):
            assert names >= {f"bingx_stream_endings_total {stream} {cause.value}" for cause in Cause}
            assert names >= {
                f"bingx_stream_{name}_total {stream}" for name in ("gaps", "sessions", "dark_ns", "dropped")
            }
        assert "bingx_stream_changes_total account stream" in names
        assert "bingx_stream_changes_total market stream" not in names
        assert {name for _, _, wanted in ROWS for name in wanted} <= names

    played(play, clearance)


def test_the_text_is_what_prometheus_reads() -> None:
    """One HELP and TYPE for each name, its samples together, values in quotes escaped, a newline at the end."""
    metrics = [
        Metric("b_total", "bs", (("why", 'say "x"\\\n'), ("stream", "a")), 2),
        Metric("a_total", "as", (), 0),
        Metric("b_total", "bs", (), 3),
    ]
    assert prometheus_text(metrics) == (
        "# HELP a_total as\n# TYPE a_total counter\na_total 0\n"
        "# HELP b_total bs\n# TYPE b_total counter\n"
        'b_total{why="say \\"x\\"\\\\\\n",stream="a"} 2\nb_total 3\n'
    )


def test_the_adapters_own_text_is_well_formed(clearance: Clearance) -> None:
    """Every line is one of the three forms that the format has."""

    async def play(session: FaultSession) -> str:
        return prometheus_text(adapter_metrics(session.desk, (session.stream, session.market)))

    text = str(played(play, clearance)[0])
    labels = r'\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\}'
    line = re.compile(rf"(# HELP [a-z_]+ [^\n]+|# TYPE [a-z_]+ counter|[a-z_]+({labels})? \d+)\Z")
    assert all(line.match(row) for row in text.splitlines())
    assert len(text.splitlines()) > 60
