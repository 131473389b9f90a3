"""The alert rules of ``deploy/``, rehearsed by Prometheus' own promtool: each fires in its condition, when it is due.

What promtool is given is what a session exports, minute by minute: a sound one, and from some minute on one in the
condition that a rule is about. ``promtool`` comes with Debian's package `prometheus`; `make test-services` gets it.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest
import yaml  # type: ignore[import-untyped] # it brings no types

from dita.adapters.bingx.metrics import Metric
from dita.runtime.alerts import Alert
from dita.runtime.engine_metrics import Counts, engine_metrics
from dita.spec.published.snapshot import LiveSnapshot
from dita.spec.vocabulary import Phase
from sample_published import sample

PROMTOOL: Final = Path(sys.prefix) / "prometheus" / "promtool"
STEP_SECONDS: Final = 15  # Prometheus looks at a session so often
SICK_AT: Final = 20  # looks: five minutes of health before
LOOKS: Final = 120
_JOB: Final = 'instance="127.0.0.1:9464", job="dita"'


class Session(NamedTuple):
    """What a session exports at one look."""

    live: LiveSnapshot
    alerts: Mapping[Alert, int] = MappingProxyType({})
    unpublished: int = 0
    log_dropped: int = 0
    failures: int = 0
    clock_refusals: int = 0
    is_up: bool = True


Condition = Callable[[Session, int], Session]
"""What becomes of a sound session that has been in a condition for so many looks."""


def sound() -> Session:
    """Ready, trading, in lockstep, both streams live, nothing unknown."""
    made: LiveSnapshot = sample(LiveSnapshot)
    names = ("account", "market")
    streams = tuple(
        one._replace(stream=name, is_live=True) for one, name in zip(made.health.streams, names, strict=True)
    )
    latencies = tuple(
        one._replace(what=name, p50_span_ns=1_000_000, p99_span_ns=5_000_000, max_span_ns=9_000_000)
        for one, name in zip(made.health.latencies, ("input to command", "input to journal"), strict=True)
    )
    health = made.health._replace(
        is_ready=True, is_opening=True, is_journal_sound=True, is_fenced=False, is_in_lockstep=True, streams=streams,
        latencies=latencies,
    )  # fmt: skip
    slots = tuple(one._replace(phase=Phase.POSITION_OPEN.name) for one in made.engine.slots)
    engine = made.engine._replace(mode="ACTIVE", unreconciled=0, is_frozen=False, slots=slots)
    return Session(LiveSnapshot(engine, health))


def session(**counted: Callable[[int], Any]) -> Condition:
    """With these fields, by how many looks it has been so."""
    return lambda one, looks: one._replace(**{name: value(looks) for name, value in counted.items()})


def engine(**fields: Any) -> Condition:
    """With these fields of the engine from then on."""
    return lambda session, _: session._replace(
        live=session.live._replace(engine=session.live.engine._replace(**fields))
    )


def health(**fields: Any) -> Condition:
    """With these fields of the health from then on."""
    return lambda session, _: session._replace(
        live=session.live._replace(health=session.live.health._replace(**fields))
    )


def unresolved(session: Session, looks: int) -> Session:
    """An order's fate is unknown since then."""
    live = session.live
    since_ns = live.health.made_ns - looks * STEP_SECONDS * 10**9
    slots = (live.engine.slots[0]._replace(phase=Phase.ENTRY_UNRESOLVED.name, phase_since_ns=since_ns),)
    return session._replace(live=live._replace(engine=live.engine._replace(slots=slots)))


def dark_stream(session: Session, _: int) -> Session:
    """The account stream is down."""
    first, second = session.live.health.streams
    return health(streams=(first._replace(is_live=False), second))(session, 0)


def slow(session: Session, _: int) -> Session:
    """One in a hundred inputs takes more than a quarter of a second to its command."""
    first, second = session.live.health.latencies
    return health(latencies=(first._replace(p99_span_ns=260_000_000), second))(session, 0)


def alerting(alert: Alert) -> Condition:
    """It is raised at every look."""
    return session(alerts=lambda looks: {alert: looks + 1})


class Rehearsal(NamedTuple):
    """A condition, by what it does to a session so many looks after its begin; and when its rule fires, in looks."""

    alert: str
    condition: Condition
    quiet: int  # it does not fire yet
    fires: int  # it does by then


REHEARSALS: Final = (
    Rehearsal("DitaDown", session(is_up=lambda _: False), 1, 3),
    Rehearsal("DitaNotReady", health(is_ready=False), 19, 21),
    Rehearsal("DitaHalted", engine(mode="HALTED"), 59, 61),
    Rehearsal("DitaHalted", engine(mode="REDUCE_ONLY"), 59, 61),
    Rehearsal("DitaDiverged", health(is_in_lockstep=False), -1, 0),
    Rehearsal("DitaDiverged", alerting(Alert.DIVERGENCE), -1, 1),
    Rehearsal("DitaJournalFails", health(is_journal_sound=False), -1, 0),
    Rehearsal("DitaFenced", health(is_fenced=True), -1, 0),
    Rehearsal("DitaReconcileRequired", engine(unreconciled=1), 3, 5),
    Rehearsal("DitaCapitalFrozen", engine(is_frozen=True), 3, 5),
    Rehearsal("DitaOrderUnresolved", unresolved, 4, 5),
    Rehearsal("DitaExitRejected", alerting(Alert.EXIT_REJECTED), 3, 7),
    Rehearsal("DitaExchangeDown", dark_stream, 3, 5),
    Rehearsal("DitaExchangeDown", session(failures=lambda looks: 3 * (looks + 1)), 8, 15),
    Rehearsal("DitaClockRefused", session(clock_refusals=lambda looks: looks + 1), 1, 5),
    Rehearsal("DitaSlow", slow, 19, 21),
    Rehearsal("DitaBlind", session(unpublished=lambda looks: looks + 1), -1, 1),
    Rehearsal("DitaBlind", session(log_dropped=lambda looks: looks + 1), -1, 1),
)


def exported(session: Session) -> dict[str, int]:
    """By series, as Prometheus names it; of the adapter only the two counters that rules look at."""
    adapter = (
        Metric("bingx_failures_total", "", (("why", "timeout"),), session.failures),
        Metric("bingx_clock_refusals_total", "", (), session.clock_refusals),
    )
    if not session.is_up:
        return {f"up{{{_JOB}}}": 0}
    counts = Counts(
        session.alerts, Counter(), 1, unpublished=session.unpublished, log_dropped=session.log_dropped
    )  # fmt: skip
    found = {f"up{{{_JOB}}}": 1}
    for one in (*engine_metrics(session.live, counts), *adapter):
        labels = ", ".join([*(f'{name}="{value}"' for name, value in one.labels), _JOB])
        found[f"{one.name}{{{labels}}}"] = one.value
    return found


def series_of(condition: Condition) -> list[dict[str, str]]:
    """What promtool takes: every series with its values, `_` where it was not there."""
    healthy = exported(sound())
    sick = [exported(condition(sound(), look)) for look in range(LOOKS - SICK_AT)]
    looks = [*([healthy] * SICK_AT), *sick]
    names = dict.fromkeys(name for look in looks for name in look)
    return [{"series": name, "values": " ".join(str(look.get(name, "_")) for look in looks)} for name in names]


def play(rehearsal: Rehearsal) -> dict[str, Any]:
    """One of promtool's tests: nothing fires until it is due; then this does, and nothing else."""
    firing = 'group by (alertname) (ALERTS{alertstate="firing"})'
    only = [{"labels": f'{{alertname="{rehearsal.alert}"}}', "value": 1}]
    expected: list[tuple[int, list[dict[str, Any]]]] = [
        (SICK_AT - 1, []), (SICK_AT + rehearsal.quiet, []), (SICK_AT + rehearsal.fires, only)
    ]  # fmt: skip
    return {
        "name": rehearsal.alert,
        "interval": f"{STEP_SECONDS}s",
        "input_series": series_of(rehearsal.condition),
        "promql_expr_test": [
            {"expr": firing, "eval_time": f"{look * STEP_SECONDS}s", "exp_samples": samples}
            for look, samples in expected
        ],
    }


def rehearsed(folder: Path, rules: str, rehearsals: tuple[Rehearsal, ...]) -> str:
    """What promtool says of these rules; "" when everything was as expected."""
    folder.mkdir()
    (folder / "rules.yaml").write_text(rules)
    plan = {
        "rule_files": ["rules.yaml"], "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [play(one) for one in rehearsals],
    }  # fmt: skip
    (folder / "plan.yaml").write_text(json.dumps(plan))  # JSON is YAML, and quickly written
    command = [str(PROMTOOL), "test", "rules", "plan.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode in (0, 1), done.stderr
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture
def rules(repository: Path) -> str:
    """As they are delivered."""
    return (repository / "deploy" / "dita-alerts.yaml").read_text()


def test_every_rule_fires_in_its_condition_and_when_it_is_due(rules: str, tmp_path: Path) -> None:
    """None while all is well, none too early, none in another's condition; every rule has a rehearsal."""
    names = {rule["alert"] for rule in yaml.safe_load(rules)["groups"][0]["rules"]}

    assert {one.alert for one in REHEARSALS} == names
    assert rehearsed(tmp_path / "all", rules, REHEARSALS) == ""


def planted(rules: str, alert: str, **fields: str | None) -> str:
    """The rules with other fields in one of them."""
    document = yaml.safe_load(rules)
    (rule,) = [one for one in document["groups"][0]["rules"] if one["alert"] == alert]
    for name, value in fields.items():
        rule[name] = value
        if value is None:
            del rule[name]
    return str(yaml.safe_dump(document))


@pytest.mark.parametrize("rehearsal", REHEARSALS, ids=lambda one: one.alert)
def test_a_rule_that_is_deaf_hasty_or_late_is_found(rehearsal: Rehearsal, rules: str, tmp_path: Path) -> None:
    """It never fires; it fires at once, whatever is the case; and, where it waits, it waits not at all or twice."""
    (rule,) = [one for one in yaml.safe_load(rules)["groups"][0]["rules"] if one["alert"] == rehearsal.alert]
    never: dict[str, str | None] = {"expr": "vector(0) == 1"}
    always: dict[str, str | None] = {"expr": "vector(1)"}
    late: dict[str, str | None] = {"for": "40m"}
    hasty: dict[str, str | None] = {"for": None}
    bent = [never, always | hasty, late, hasty] if "for" in rule else [never, always, late]
    for number, fields in enumerate(bent):
        said = rehearsed(tmp_path / str(number), planted(rules, rehearsal.alert, **fields), (rehearsal,))
        assert "FAILED" in said, fields
