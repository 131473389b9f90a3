"""A running session as metrics: what it publishes, what it counts, how often each alert was raised.

Every one is there from the beginning. Money is in units of 1e-8 USDT, as everywhere; times are whole seconds.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from dita.adapters.bingx.metrics import Metric
from dita.runtime.alerts import Alert
from dita.spec.published.snapshot import EngineSnapshot, Health, LiveSnapshot
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.vocabulary import Code, Mode, Phase

_UNRESOLVED: Final = (Phase.ENTRY_UNRESOLVED.name, Phase.EXIT_UNRESOLVED.name)
_QUANTILES: Final = (("0.5", "p50_span_ns"), ("0.99", "p99_span_ns"), ("1", "max_span_ns"))
_ENGINE: Final = {
    "slot_limit": "most trades that may be live",
    "live_slots": "trades that are live",
    "unreconciled": "contracts that require a reconcile",
    "unsettled_trades": "finished trades that wait for the venue's rows",
    "is_frozen": "1: wallet and books differ, nothing is opened",
    "capital_e8_usdt": "seed, profit, fees, funding, transfers and adjustments together",
    "realised_e8_usdt": "profit before fees",
    "fee_e8_usdt": "fees as booked",
    "funding_e8_usdt": "funding received",
    "difference_e8_usdt": "wallet minus capital at the newest comparable reading",
    "exposure_e8_usdt": "notional of live trades",
}
_HEALTH: Final = {
    "is_ready": "1: the start is over",
    "is_opening": "1: entries may be made",
    "is_journal_sound": "1: the journal is being written",
    "is_fenced": "1: another process has taken over",
    "is_in_lockstep": "1: kernel and reference have agreed on every step",
    "is_signed": "1: the certificate was signed by a trusted key",
}


class Counts(NamedTuple):
    """What a session counts beside its snapshot."""

    alerts: Mapping[Alert, int]
    refusals: Mapping[Code, int]
    durable_rows: int
    published: int = 0
    unpublished: int = 0
    commands: int = 0
    commands_refused: int = 0
    log_dropped: int = 0


NOTHING_COUNTED: Final = Counts(Counter(), Counter(), 0)


def engine_metrics(live: LiveSnapshot, counts: Counts) -> tuple[Metric, ...]:
    """All of it now."""
    return (*_of_engine(live.engine, live.health.made_ns), *_of_health(live.health), *_of_counts(counts))


def _of_engine(engine: EngineSnapshot, now_ns: int) -> Iterator[Metric]:
    yield _gauge("dita_mode", "0 active, 1 reduce-only, 2 halted", Mode[engine.mode])
    for name, text in _ENGINE.items():
        yield _gauge(f"dita_{name.removeprefix('is_')}", text, int(getattr(engine, name)))
    phases = Counter(slot.phase for slot in engine.slots)
    for phase in Phase:
        if phase != Phase.IDLE:
            yield _gauge("dita_slots", "live trades by phase", phases[phase.name], ("phase", phase.name))
    since = [slot.phase_since_ns for slot in engine.slots if slot.phase in _UNRESOLVED]
    oldest = (now_ns - min(since)) // NANOSECONDS_PER_SECOND if since else 0
    yield _gauge("dita_unresolved_seconds", "how long the oldest order of unknown fate is that; 0: none is", oldest)


def _of_health(health: Health) -> Iterator[Metric]:
    yield _gauge("dita_began_seconds", "when the process began, UTC", health.began_ns // NANOSECONDS_PER_SECOND)
    for name, text in _HEALTH.items():
        yield _gauge(f"dita_{name.removeprefix('is_')}", text, int(getattr(health, name)))
    yield Metric("dita_steps_total", "steps on which kernel and reference were compared", (), health.steps)
    yield Metric("dita_entries_total", "entries that the kernel took", (), health.entries)
    yield Metric("dita_exits_total", "exits that were asked for", (), health.exits)
    for stream in health.streams:
        of = ("stream", stream.stream)
        silent = (health.made_ns - stream.newest_ns) // NANOSECONDS_PER_SECOND if stream.newest_ns else -1
        yield _gauge("dita_stream_live", "1: connected, and no gap is open", int(stream.is_live), of)
        yield _gauge("dita_stream_silent_seconds", "since its newest event; -1: none yet", silent, of)
    for latency in health.latencies:
        for quantile, field in _QUANTILES:
            yield _gauge(
                "dita_latency_ns", "of the newest inputs", getattr(latency, field),
                ("what", latency.what), ("quantile", quantile),
            )  # fmt: skip


def _of_counts(counts: Counts) -> Iterator[Metric]:
    yield Metric("dita_journal_rows_total", "rows of the journal that are durable", (), counts.durable_rows)
    for alert in Alert:
        yield Metric("dita_alerts_total", "alerts raised", (("alert", alert.value),), counts.alerts.get(alert, 0))
    for code in Code:
        value = counts.refusals.get(code, 0)
        yield Metric("dita_refusals_total", "inputs that the kernel refused", (("code", code.name),), value)
    yield Metric("dita_snapshots_total", "snapshots published", (("came_to", "published"),), counts.published)
    yield Metric("dita_snapshots_total", "snapshots published", (("came_to", "failed"),), counts.unpublished)
    yield Metric("dita_commands_total", "commands from other processes", (("came_to", "taken"),), counts.commands)
    refused = counts.commands_refused
    yield Metric("dita_commands_total", "commands from other processes", (("came_to", "refused"),), refused)
    yield Metric("dita_log_dropped_total", "records that no log has", (), counts.log_dropped)


def _gauge(name: str, text: str, value: int, *labels: tuple[str, str]) -> Metric:
    return Metric(name, text, labels, value, "gauge")
