"""What the adapter counts, as metrics: flat values with labels, and the text of them that Prometheus reads.

Every counter is there from the beginning, at 0: an alert on one that never was would never fire.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.orders import CancelKind
from dita.adapters.bingx.transport import FailureKind
from dita.adapters.bingx.websocket import Cause

_STREAM_HELP: Final = {
    "sessions": "connections attempted",
    "gaps": "times that a live stream ended, or its reader fell behind",
    "restored": "times that a stream became live",
    "changes": "listen keys replaced without a gap",
    "dark_ns": "nanoseconds in gaps that are over",
    "dropped": "events dropped because their reader fell behind",
    "ignored": "frames and rows that were left out",
    "notices": "complaints about what was said, those told only once included",
}


class Metric(NamedTuple):
    """One figure. ``help`` says what it counts; ``labels`` are (name, value); ``kind`` counter or gauge."""

    name: str
    help: str
    labels: tuple[tuple[str, str], ...]
    value: int
    kind: str = "counter"


Stream = AccountStream | MarketStream


def adapter_metrics(desk: OrderDesk, streams: Iterable[Stream]) -> tuple[Metric, ...]:
    """All of an account's counters now."""
    api = desk.rest.api
    told = [
        Metric("bingx_requests_total", "requests, refused by ourselves included", (), api.counts.requests),
        Metric("bingx_pauses_total", "times that the venue asked to slow down", (), api.counts.pauses),
        Metric("bingx_clock_refusals_total", "timestamps that the venue refused", (), api.counts.clock_refusals),
        Metric("bingx_notices_total", "complaints about what was answered", (), api.notices.total),
    ]
    told += [
        _labelled("bingx_failures_total", "requests without a reply", "why", kind.value, api.counts.failures[kind])
        for kind in FailureKind
    ]
    told += [
        _labelled("bingx_submits_total", "orders and stops sent or refused", "came_to", word, desk.submits[word])
        for word in ("accepted", "rejected", "unknown")
    ]
    told += [
        _labelled("bingx_cancels_total", "cancels of one order", "came_to", kind.value, desk.cancels[kind])
        for kind in CancelKind
    ]
    for stream in streams:
        of, figures = ("stream", stream.name), stream.figures()
        told += [
            Metric(f"bingx_stream_{name}_total", text, (of,), figures[name])
            for name, text in _STREAM_HELP.items()
            if name in figures
        ]
        told += [
            Metric(
                "bingx_stream_endings_total", "sessions that ended", (of, ("why", cause.value)),
                stream.endings[cause],
            )
            for cause in Cause
        ]  # fmt: skip
    return tuple(told)


def prometheus_text(metrics: Iterable[Metric]) -> str:
    """The metrics in Prometheus' text format, by name."""
    lines: list[str] = []
    last = ""
    for metric in sorted(metrics, key=lambda metric: metric.name):
        if metric.name != last:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            last = metric.name
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in metric.labels)
        lines.append(f"{metric.name}{f'{{{labels}}}' if labels else ''} {metric.value}")
    return "\n".join(lines) + "\n"


def _labelled(name: str, text: str, label: str, value: str, count: int) -> Metric:
    return Metric(name, text, ((label, value),), count)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
