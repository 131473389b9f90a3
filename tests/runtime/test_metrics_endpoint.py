"""The metrics of a session: each there from the beginning, over HTTP to this machine alone, and what alerts on them."""

import asyncio
import re
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped] # it brings no types

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.metrics import Metric, adapter_metrics, prometheus_text
from dita.runtime.alerts import Alert
from dita.runtime.connect import StartError
from dita.runtime.engine_metrics import NOTHING_COUNTED, Counts, engine_metrics
from dita.runtime.metrics_endpoint import MetricsEndpoint
from dita.spec.clearance import Clearance
from dita.spec.published.snapshot import LiveSnapshot
from dita.spec.vocabulary import Code, Mode, Phase
from fault_session import FaultSession, played
from sample_published import sample
from virtual_time import VirtualClock

LINE = re.compile(r"([a-z_][a-z0-9_]*)(?:\{(.*)\})? (-?\d+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
Exported = dict[tuple[str, tuple[tuple[str, str], ...]], int]
"""A value by name and labels."""
SELECTOR = re.compile(r"\b([a-z]+_[a-z0-9_]+)(?:\{([^}]*)\})?")


def live() -> LiveSnapshot:
    """A snapshot in which every field has a value of its own, and that has both streams and latencies."""
    made: LiveSnapshot = sample(LiveSnapshot)
    health = made.health
    streams = tuple(one._replace(stream=name) for one, name in zip(health.streams, ("account", "market"), strict=True))
    names = ("input to command", "input to journal")
    latencies = tuple(one._replace(what=name) for one, name in zip(health.latencies, names, strict=True))
    return made._replace(health=health._replace(streams=streams, latencies=latencies))


def series(text: str) -> Exported:
    """The text, read by the rules of its format: each line of a metric stands behind its HELP and TYPE, once."""
    found: Exported = {}
    described = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            described = line.split(" ")[2]
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2:] in ([described, "counter"], [described, "gauge"]), line
            assert line.endswith("counter") == described.endswith("_total"), line
        else:
            match = LINE.fullmatch(line)
            assert match is not None, line
            key = (match[1], tuple(LABEL.findall(match[2] or "")))
            assert match[1] == described, line
            assert key not in found, line
            found[key] = int(match[3])
    return found


@pytest.fixture(scope="module")
def exported(clearance: Clearance) -> Exported:
    """Everything that a session exports, in the text that Prometheus reads."""
    adapter: list[Metric] = []

    async def of_the_adapter(session: FaultSession) -> object:
        adapter.extend(adapter_metrics(session.desk, (session.stream, session.market)))
        return None

    played(of_the_adapter, clearance)
    return series(prometheus_text((*engine_metrics(live(), NOTHING_COUNTED), *adapter)))


def test_what_is_exported_is_what_was_published() -> None:
    """Gauges are the snapshot's own fields; counters are there for every name, at 0 or as counted."""
    made = live()
    counts = Counts(Counter({Alert.FENCED: 2}), Counter({Code.LEVERAGE: 3}), 9, 4, 5, 6, 7, 8)
    found = series(prometheus_text(engine_metrics(made, counts)))
    assert found["dita_capital_e8_usdt", ()] == made.engine.capital_e8_usdt
    assert found["dita_live_slots", ()] == made.engine.live_slots
    assert found["dita_frozen", ()] == int(made.engine.is_frozen)
    assert found["dita_mode", ()] == Mode[made.engine.mode]
    assert found["dita_fenced", ()] == int(made.health.is_fenced)
    assert found["dita_latency_ns", (("what", "input to command"), ("quantile", "0.99"))] == (
        made.health.latencies[0].p99_span_ns
    )
    alerts = {labels[0][1]: value for (name, labels), value in found.items() if name == "dita_alerts_total"}
    assert alerts == {alert.value: 2 if alert is Alert.FENCED else 0 for alert in Alert}
    refusals = {labels[0][1]: value for (name, labels), value in found.items() if name == "dita_refusals_total"}
    assert refusals == {code.name: 3 if code is Code.LEVERAGE else 0 for code in Code}
    phases = {labels[0][1]: value for (name, labels), value in found.items() if name == "dita_slots"}
    assert set(phases) == {phase.name for phase in Phase if phase is not Phase.IDLE}
    assert sum(phases.values()) == sum(slot.phase != "IDLE" for slot in made.engine.slots)
    rest = {
        name: found[name, labels] for name, labels in found if name in ("dita_snapshots_total", "dita_commands_total")
    }
    assert rest.keys() == {"dita_snapshots_total", "dita_commands_total"}
    assert found["dita_log_dropped_total", ()] == 8
    assert found["dita_journal_rows_total", ()] == 9


def test_how_long_an_order_has_been_unresolved_is_told() -> None:
    """By the oldest; 0 when none is."""
    made = live()
    slots = tuple(
        slot._replace(phase=phase.name, phase_since_ns=made.health.made_ns - seconds * 10**9)
        for slot, phase, seconds in zip(
            made.engine.slots, (Phase.EXIT_UNRESOLVED, Phase.ENTRY_UNRESOLVED), (70, 90), strict=True
        )
    )
    for chosen, told in ((slots, 90), (slots[:1], 70), ((), 0)):
        view = made._replace(engine=made.engine._replace(slots=chosen))
        assert series(prometheus_text(engine_metrics(view, NOTHING_COUNTED)))["dita_unresolved_seconds", ()] == told


# --- over HTTP -------------------------------------------------------------------------------------------------------


async def answered(content: bytes, port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


async def test_metrics_are_read_over_http_and_made_once_a_second() -> None:
    """By somebody else's client; asked twice at once they are made once, and an end gives the port back."""
    made: list[str] = []

    def text() -> str:
        made.append(f"dita_live_slots {len(made)}\n")
        return made[-1]

    endpoint = MetricsEndpoint(0, text, VirtualClock(asyncio.get_running_loop()))
    await endpoint.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        first = await client.get(f"http://127.0.0.1:{endpoint.port}/metrics")
        again = await client.get(f"http://localhost:{endpoint.port}/metrics")
        lost = await client.get(f"http://127.0.0.1:{endpoint.port}/")
    assert (first.status_code, first.text) == (200, "dita_live_slots 0\n")
    assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (again.text, len(made), lost.status_code) == (first.text, 1, 404)
    endpoint.close()
    MetricsEndpoint(endpoint.port, text, SystemClock()).close()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"200"),
        (b"GET /metrics?x=1 HTTP/1.1\r\nhost: LocalHost:9100\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"403"),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost.evil.example:80\r\n\r\n", b"403"),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n", b"403"),
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"403"),
        (b"POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"405"),
        (b"GET /secrets HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"404"),
        (b"\xff\xfe\r\n\r\n", b"403"),
        (b"x" * 20_000, b"431"),
    ],
)
async def test_nobody_else_is_answered(content: bytes, status: bytes) -> None:
    """Another name for this machine, another path, another method, another protocol: each by its status."""
    endpoint = MetricsEndpoint(0, lambda: "", SystemClock())
    await endpoint.start()
    assert (await answered(content, endpoint.port)).split(b" ")[1] == status
    endpoint.close()


def test_it_listens_on_this_machine_alone_and_a_port_that_is_taken_refuses_the_start() -> None:
    """Flaw W9: no start without what was asked for."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(StartError, match=f"DITA_METRICS_PORT: `{port}` on 127.0.0.1 cannot be had"):
            MetricsEndpoint(port, lambda: "", SystemClock())


# --- alert rules -----------------------------------------------------------------------------------------------------


def faults_of(rules: str, exported: Exported, runbook: str) -> list[str]:
    """What is wrong with alert rules: metrics and labels that nobody exports, and headings that the runbook lacks."""
    names = {name for name, _ in exported} | {"up"}
    labels = {(name, label, value) for name, pairs in exported for label, value in pairs} | {("up", "job", "dita")}
    anchors = {re.sub(r"[^a-z0-9 -]", "", line.strip("# ").lower()).replace(" ", "-") for line in headings(runbook)}
    found: list[str] = []
    for rule in parsed(rules):
        where = rule.get("alert", "?")
        expression = re.sub(r"\[\d+[smhd]\]", "", str(rule["expr"]))
        for name, selected in SELECTOR.findall(expression):
            if name not in names:
                found.append(f"{where}: `{name}` is exported by nobody")
            found += [
                f'{where}: `{name}` has no {label}="{value}"'
                for label, value in LABEL.findall(selected)
                if (name, label, value) not in labels
            ]
        page, _, anchor = str(rule["annotations"]["runbook"]).partition("#")
        if page != "docs/runbook.md" or anchor not in anchors:
            found.append(f"{where}: `{page}#{anchor}` is no heading of the runbook")
        if not re.search(r"(==|>|<) -?\d+", expression) or rule["labels"]["severity"] not in ("page", "notice"):
            found.append(f"{where}: without a bound, or without a severity")
    return found


def headings(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("#")]


def parsed(rules: str) -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(rules)["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.fixture
def rules(repository: Path) -> str:
    """The rules as they are delivered."""
    return (repository / "deploy" / "dita-alerts.yaml").read_text()


@pytest.fixture
def runbook(repository: Path) -> str:
    """The page that they lead to."""
    return (repository / "docs" / "runbook.md").read_text()


def test_every_alert_is_on_what_is_exported_and_leads_to_the_runbook(
    rules: str, runbook: str, exported: Exported
) -> None:
    """Every metric, every label and every heading; and no two alerts of one name."""
    assert faults_of(rules, exported, runbook) == []
    names = [rule["alert"] for rule in parsed(rules)]
    assert len(names) == len(set(names)) >= 12


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("dita_unreconciled", "dita_unreconcilled", "is exported by nobody"),
        ('alert="divergence"', 'alert="diverged"', 'has no alert="diverged"'),
        ('quantile="0.99"', 'quantile="0.9"', 'has no quantile="0.9"'),
        ("#reconcile-required", "#reconcile", "is no heading of the runbook"),
        ("dita_fenced == 1", "dita_fenced", "without a bound"),
        ("bingx_clock_refusals_total", "bingx_clock_refused_total", "is exported by nobody"),
    ],
)
def test_an_alert_that_can_never_fire_or_leads_nowhere_is_found(
    rules: str, runbook: str, exported: Exported, old: str, new: str, said: str
) -> None:  # fmt: skip
    """Planted: a misspelt metric or label, a heading that is not there, an expression without a bound."""
    assert old in rules
    assert [fault for fault in faults_of(rules.replace(old, new), exported, runbook) if said in fault]
