"""The analytics store on ClickHouse's own engine: in this process, and behind HTTP in another."""

import importlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from analytics_parts import append, everything, fed, front, journal_of, opened, parity, written_twice
from analytics_process import Deadly
from dita.adapters.clickhouse import (
    AnalyticsBusy,
    AnalyticsRefused,
    AnalyticsStore,
    AnalyticsUnreachable,
    Progress,
    open_connection,
)
from dita.adapters.clickhouse import store as storing
from dita.adapters.clickhouse.tables import as_stored
from dita.conformance.defects import REPOSITORY, Defect, defects, planted
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.analytics import feeding
from dita.runtime.analytics.feeding import Feeder, JournalCut, Patience, keep_up
from dita.runtime.analytics.questions import QUESTIONS
from dita.runtime.bench_journal import write_long
from dita.spec.published import FAMILIES
from loopback import free_port
from machine_profiles import commit_seed, rotating
from projected import TAG, Stored, drawn_traffic, projected, stored
from report_sessions import Written, held, worked_out

PROCESS: Final = REPOSITORY / "tests" / "support" / "analytics_process.py"
BATCH: Final = 180
KILLS_AT_A_COMMIT: Final = 3
BREAKS_AT_A_COMMIT: Final = 6
MINUTES_AWAY: Final = 10
POINTS: Final = [
    (at, moment) for at in range(1, 2 * (len(FAMILIES) + 1) + 1) for moment in ("before", "after")
]  # inserts of two batches, progress included


@pytest.fixture(scope="module")
def rows() -> list[Stored]:
    """Drawn by chance, with a note here and there: every family has some."""
    note = held("DIRECTION", "DC_CONTRADICT", 2, "a reason")
    events = enumerate(drawn_traffic(4, 1_500))
    return stored(Written(event, (note,)) if number % 50 == 0 else event for number, event in events)


@pytest.fixture
def journal(rows: list[Stored], tmp_path: Path) -> Path:
    """A journal of them."""
    return journal_of(tmp_path / "journal.sqlite", rows)


@pytest.fixture(params=["folder", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store may be: both ways of the client."""
    if request.param == "folder":
        yield str(tmp_path / "analytics")
    else:
        port = free_port()
        with front(tmp_path / "served", port):
            yield f"http://127.0.0.1:{port}/trading"


def wanted_counts(rows: list[Stored]) -> dict[str, int]:
    return {family: len(made) for family, made in projected(rows).rows.items()}


def test_every_family_is_what_the_journal_says(where: str, journal: Path, rows: list[Stored]) -> None:
    """Fed in batches, interrupted, continued, wiped and made again: the same rows, each once, by the journal's word."""
    with opened(where) as store:
        with Kernel(load_for_conformance()) as kernel:
            interrupted = Feeder(journal, kernel, store, batch=BATCH)
            interrupted.advance()
        first = interrupted.put
        second = fed(journal, store, batch=BATCH)
        found = parity(journal, store)

        assert found.differences == []
        assert found.behind == 0
        assert all(found.rows.values()), found.rows
        assert first + second == sum(store.counts(TAG).values()) == sum(found.rows.values())
        before = everything(store)
        store.wipe(TAG)
        assert not any(store.counts(TAG).values())
        assert store.progress(TAG).journal_position == 0
        fed(journal, store, batch=777)
        assert everything(store) == before
        assert sum(store.counts(TAG).values()) > len(rows)


def test_rows_whose_numbers_look_like_blanks_arrive(where: str, rows: list[Stored]) -> None:
    """Ten snapshots of thirty-two columns: on the wire a blank and a line's end, right behind the statement."""
    one = projected(rows).rows["engine_snapshots"][0]
    ten = [one._replace(journal_position=position) for position in range(1, 11)]
    made: dict[str, list[Any]] = {family: [] for family in FAMILIES} | {"engine_snapshots": ten}
    with opened(where) as store:
        store.put(TAG, made, dict.fromkeys(FAMILIES, 0), Progress(10, "00"))

        assert store.rows("engine_snapshots", TAG, 0, 10) == as_stored("engine_snapshots", ten)


def test_a_journal_that_is_being_written_is_followed(journal: Path, rows: list[Stored], tmp_path: Path) -> None:
    """What comes later is taken in by the same feeder and by the next one; two journals lie side by side."""
    other = journal_of(tmp_path / "other.sqlite", rows[:50], "other0")
    half = journal_of(tmp_path / "half.sqlite", rows[:300], "half00")
    with opened(str(tmp_path / "analytics")) as store, Kernel(load_for_conformance()) as kernel:
        feeder = Feeder(half, kernel, store, batch=BATCH)
        while feeder.advance():
            pass
        fed(other, store)
        append(half, rows[300:400])
        assert feeder.advance() == 100
        assert feeder.advance() == 0
        append(half, rows[400:])
        fed(half, store)

        for path in (half, other):
            assert parity(path, store).differences == []


# --- killed ----------------------------------------------------------------------------------------------------------


def feeding_process(journal: Path, folder: Path, at: int = 0, moment: str = "before") -> "subprocess.Popen[str]":
    command = [sys.executable, str(PROCESS), str(journal), str(folder), str(BATCH), str(at), moment]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.timeout(900)
def test_a_process_killed_at_any_insert_loses_and_doubles_nothing(journal: Path, tmp_path: Path) -> None:
    """By SIGKILL before or after an insert, which rotate with the commit, and once at any moment."""
    for at, moment in rotating(POINTS, KILLS_AT_A_COMMIT, commit_seed()):
        folder = tmp_path / f"{at}-{moment}"
        with feeding_process(journal, folder, at, moment) as process:
            assert process.wait() == -signal.SIGKILL, f"{at} {moment}"
        assert gone_on(journal, folder) == [], f"{at} {moment}"
    folder = tmp_path / "any moment"
    with feeding_process(journal, folder) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random.Random(commit_seed()).uniform(0, 0.1))
        process.kill()
    assert gone_on(journal, folder) == []


def gone_on(journal: Path, folder: Path) -> list[str]:
    """What is wrong when the next process has fed the rest."""
    with opened(str(folder)) as store:
        fed(journal, store, batch=BATCH)
        found = parity(journal, store)
        doubled = sum(store.counts(TAG).values()) != sum(found.rows.values())
        return [*map(str, found.differences), *(["rows are there twice"] if doubled else [])]


def breaks(where: str) -> NoReturn:
    """As a connection does."""
    raise AnalyticsUnreachable(where, "planted", "go on")


def _to_the_end(feeder: Feeder) -> None:
    while feeder.advance():
        pass


def broken_at(
    points: list[tuple[int, str]], rows: list[Stored], folder: Path, store_class: Any, feeder_class: Any
) -> list[str]:
    """Break at these inserts; then go on with the same feeder, or only with a new one of other batches, in turn."""
    found: list[str] = []
    with opened(str(folder / "analytics")) as sound:
        for number, (at, moment) in enumerate(points):
            tag = f"point{number}"
            journal = journal_of(folder / f"{tag}.sqlite", rows, tag)
            store = store_class(Deadly(sound.connection, at, moment, breaks))
            with Kernel(load_for_conformance()) as kernel:
                feeder = feeder_class(journal, kernel, store, batch=BATCH)
                with pytest.raises(AnalyticsUnreachable):
                    _to_the_end(feeder)
                if number % 2:
                    _to_the_end(feeder)
            with Kernel(load_for_conformance()) as kernel:
                _to_the_end(feeder_class(journal, kernel, store_class(sound.connection), batch=BATCH // 2 + 7))
            seen = parity(journal, sound)
            found += seen.differences
            if sum(sound.counts(tag).values()) != sum(seen.rows.values()):
                found.append(f"{at} {moment}: {sound.counts(tag)}, wanted {seen.rows}")
            if found:
                break
    return found


@pytest.mark.timeout(900)
def test_an_insert_that_breaks_anywhere_loses_and_doubles_nothing(rows: list[Stored], tmp_path: Path) -> None:
    """With and without effect; the feeder goes on, or another one does. Points rotate with the commit."""
    points = rotating(POINTS, BREAKS_AT_A_COMMIT, commit_seed())

    assert broken_at(points, rows[:350], tmp_path, AnalyticsStore, Feeder) == []


DEFECTS: Final = [one for one in defects() if one.name.startswith("analytics-")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_a_planted_defect_of_feeding_is_seen(defect: Defect, rows: list[Stored], tmp_path: Path) -> None:
    """Progress before rows, nobody asking what is there, a batch forgotten: rows are lost or doubled, and seen so."""
    with planted(defect) as tree:
        storing_there = _loaded(tree / "adapters/dita/adapters/clickhouse/store.py")
        feeding_there = _loaded(tree / "runtime/dita/runtime/analytics/feeding.py")
        found = broken_at(POINTS[:6], rows[:350], tmp_path, storing_there.AnalyticsStore, feeding_there.Feeder)

    assert found


def _loaded(path: Path) -> Any:
    spec = spec_from_file_location(f"planted_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_planted_defects() -> None:
    """An empty list would prove nothing."""
    assert len(DEFECTS) >= 3


# --- away ------------------------------------------------------------------------------------------------------------


def test_a_store_that_is_away_for_ten_minutes_misses_nothing(rows: list[Stored], tmp_path: Path) -> None:
    """The journal goes on meanwhile, one batch waits in memory; when the server is back, all of it arrives."""
    journal = journal_of(tmp_path / "journal.sqlite", rows[:400])
    port, folder = free_port(), tmp_path / "served"
    where = f"http://127.0.0.1:{port}/trading"
    with front(folder, port), opened(where) as store:
        fed(journal, store)
    connection = _unopened(where, port, folder)
    away: list[str] = []
    waited = 0.0
    servers: list[Any] = []

    def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        if waited > 60 * MINUTES_AWAY and not servers:
            servers.append(front(folder, port))
            servers[0].__enter__()

    append(journal, rows[400:])
    idle: list[int] = []
    with Kernel(load_for_conformance()) as kernel:
        feeder = Feeder(journal, kernel, AnalyticsStore(connection), batch=BATCH)
        keep_up(
            feeder, until=lambda: bool(idle), idle=lambda: idle.append(1), patience=Patience(sleep),
            away=lambda error: away.append(str(error)),
        )  # fmt: skip
    try:
        assert len(away) > 40
        assert parity(journal, AnalyticsStore(connection)).differences == []
    finally:
        connection.close()
        servers[0].__exit__(None, None, None)


def _unopened(where: str, port: int, folder: Path) -> Any:
    """A connection whose server has gone since."""
    with front(folder, port):
        return open_connection(where)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_folder_belongs_to_one_process(journal: Path, tmp_path: Path) -> None:
    """Another one is told so, and nothing happens to what is there."""
    folder = tmp_path / "analytics"
    with opened(str(folder)) as store:
        fed(journal, store)
        code = f"from dita.adapters.clickhouse import open_connection; open_connection({str(folder)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

        assert AnalyticsBusy.__name__ in done.stderr
        assert parity(journal, store).differences == []


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("ALTER TABLE fill_events RENAME COLUMN price_e10_usdt TO price", "price"),
        ("ALTER TABLE fill_events DROP COLUMN is_settled", "is_settled"),
        ("ALTER TABLE fill_events ADD COLUMN of_tomorrow Int64", "of_tomorrow"),
        ("ALTER TABLE fill_events MODIFY COLUMN quote_e8_usdt Int32", "quote_e8_usdt"),
        ("INSERT INTO schema_versions VALUES (2, 'of tomorrow')", "schema is `2`"),
        ("ALTER TABLE schema_versions UPDATE fingerprint = 'x' WHERE 1 SETTINGS mutations_sync = 2", "another one"),
    ],
)  # fmt: skip
def test_tables_that_are_not_as_declared_are_refused(tmp_path: Path, statement: str, word: str) -> None:
    """A column renamed, dropped, added or of another type, a later version, another schema of the same number."""
    with opened(str(tmp_path / "analytics")) as store:
        for alias in ("price_usdt", "quote_usdt"):
            store.connection.command(f"ALTER TABLE fill_events DROP COLUMN {alias}")
        store.prepare()
        store.connection.command(statement)

        with pytest.raises(AnalyticsRefused, match=word):
            store.prepare()


def test_an_older_version_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step; a version from which nothing leads is refused, and stays as it is."""
    with opened(str(tmp_path / "analytics")) as store:
        store.connection.command("ALTER TABLE fill_events DROP COLUMN is_settled")
        monkeypatch.setattr(storing, "SCHEMA_VERSION", 2)
        with pytest.raises(AnalyticsRefused, match="nothing leads"):
            store.prepare()
        added = "ALTER TABLE fill_events ADD COLUMN is_settled Bool AFTER slippage_e8_usdt"
        monkeypatch.setattr(storing, "MIGRATIONS", {2: (added,)})
        store.prepare()
        store.prepare()

        assert store.ask("SELECT max(version) FROM schema_versions").rows[0][0] == 2


def test_a_journal_that_lost_its_end_is_told(rows: list[Stored], tmp_path: Path) -> None:
    """Shorter than the store knows it, another row where the store stood, or another journal altogether."""
    long = journal_of(tmp_path / "long.sqlite", rows[:300])
    short = journal_of(tmp_path / "short.sqlite", rows[:200])
    other = journal_of(tmp_path / "other.sqlite", stored(drawn_traffic(9, 1_200))[:400])
    with opened(str(tmp_path / "analytics")) as store:
        fed(long, store)
        for path in (short, other):
            with pytest.raises(JournalCut, match="rebuild"):
                fed(path, store)
        assert parity(long, store).differences == []
        with Kernel(load_for_conformance()) as kernel:
            feeder = Feeder(long, kernel, store)
            feeder.advance()
            long.unlink()
            journal_of(long, rows[:300], "another0")
            with pytest.raises(JournalCut, match="another one now"):
                feeder.advance()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("ALTER TABLE fill_events DELETE WHERE journal_position > 100", "no row"),
        ("ALTER TABLE fill_events UPDATE fee_e8_usdt = fee_e8_usdt + 1 WHERE by = 'ORDER'", "fee_e8_usdt"),
        ("INSERT INTO order_events (journal_tag, journal_position) VALUES ('test0', 99999)", "beyond"),
    ],
)
def test_a_store_that_differs_from_its_journal_is_seen(
    journal: Path, tmp_path: Path, statement: str, says: str
) -> None:
    """Rows lost, changed or made up."""
    with opened(str(tmp_path / "analytics")) as store:
        fed(journal, store)
        sync = " SETTINGS mutations_sync = 2" if statement.startswith("ALTER") else ""
        store.connection.command(statement + sync)

        differences = parity(journal, store).differences

        assert differences
        assert all(says in one for one in differences), differences


def test_rows_that_are_there_twice_are_seen(journal: Path, tmp_path: Path) -> None:
    """Until a merge makes them one."""
    with opened(str(tmp_path / "analytics")) as store:
        fed(journal, store)
        written_twice(store, "fill_events", "LIMIT 3 OFFSET 5")

        differences = parity(journal, store).differences

        assert differences
        assert all("should" in one or "too many" in one for one in differences), differences


# --- questions -------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_hand(tmp_path: Path) -> Generator[AnalyticsStore]:
    """A store of the session whose figures are worked out by hand, as of today. A process has one engine at a time."""
    today = (int(time.time()) // 86_400 * 86_400 + 3_600) * 10**9
    begin = stored(worked_out())[0][0].wall_ns
    rows = [(row._replace(wall_ns=row.wall_ns - begin + today), notes) for row, notes in stored(worked_out())]
    with opened(str(tmp_path / "analytics")) as store:
        fed(journal_of(tmp_path / "journal.sqlite", rows), store)
        yield store


def asked(store: AnalyticsStore, name: str) -> list[dict[str, Any]]:
    answer = store.connection.ask(QUESTIONS[name].sql, {"tag": TAG}, final=True)
    return [dict(zip(answer.names, map(str, row), strict=True)) for row in answer.rows]


def test_todays_trades(by_hand: AnalyticsStore) -> None:
    """Two finished trades with what they came to after settlement; the one that was rejected is none."""
    trades = asked(by_hand, "trades")

    assert [(one["trade"], one["side"], one["realised_usdt"], one["fee_usdt"]) for one in trades] == [
        ("2", "SHORT", "-10.00000000", "10.00300000"), ("1", "LONG", "9.00000000", "5.10000000"),
    ]  # fmt: skip
    assert [one["net_usdt"] for one in trades] == ["-20.00300000", "3.90000000"]
    assert {one["is_settled"] for one in trades} == {"True"}


def test_fee_drift(by_hand: AnalyticsStore) -> None:
    """Predicted 2.501 + 2.5055 + 4.999 + 5.004, settled 2.6 + 2.5 + 4.999 + 5.004."""
    (day,) = asked(by_hand, "fee-drift")

    assert (day["halves"], day["predicted_usdt"], day["drift_usdt"]) == ("4", "15.00950000", "0.09350000")
    assert day["drift_ppm"] == "6229.0"


def test_slippage_by_hour(by_hand: AnalyticsStore) -> None:
    """Entries: 2 on 5002 and 2 on 9998; exits: half a dollar better than their limits, on 5011."""
    hours = asked(by_hand, "slippage")

    assert [(one["hour"], one["part"], one["fills"], one["cost_usdt"], one["cost_ppm"]) for one in hours] == [
        ("1", "ENTRY", "3", "4.00000000", "267.0"), ("1", "EXIT", "2", "-0.50000000", "-100.0"),
    ]  # fmt: skip


def test_gate_refusals(by_hand: AnalyticsStore) -> None:
    """Three and two of the direction, one of sizing, the newest with its facts."""
    refusals = asked(by_hand, "refusals")

    assert [(one["check"], one["reason"], one["held"]) for one in refusals] == [
        ("DIRECTION", "DC_CONTRADICT", "5"), ("SIZING", "ABOVE_MARGIN", "1"),
    ]  # fmt: skip
    assert json.loads(refusals[1]["newest_facts"]) == {"said": "y"}


def test_the_commands_say_what_they_did(journal: Path, tmp_path: Path) -> None:
    """Rebuild, check, follow, a question by name and one in SQL: figures, and status 0; a difference is status 1."""
    at = ["--journal", str(journal), "--store", str(tmp_path / "analytics")]
    figures: dict[int, dict[str, Any]] = {}
    for number, words in enumerate(
        (["analytics", "rebuild", *at], ["analytics", "check", *at], ["analytics", "follow", "--once", *at],
         ["query", "trades", *at], ["query", "SELECT count() FROM trade_exit_legs", *at])
    ):  # fmt: skip
        out = tmp_path / f"{number}.json"
        done = _dita(*words, "--json", str(out))
        assert done.returncode == 0, done.stderr
        figures[number] = json.loads(out.read_text())["figures"]

    assert figures[0]["rows"] == sum(figures[0][family] for family in FAMILIES)
    assert {family: figures[0][family] for family in FAMILIES} == {family: figures[1][family] for family in FAMILIES}
    assert figures[2]["rows"] == 0
    with opened(str(tmp_path / "analytics")) as store:
        store.connection.command(
            "ALTER TABLE fill_events DELETE WHERE journal_position > 9 SETTINGS mutations_sync = 2"
        )
    assert _dita("analytics", "check", *at).returncode == 1
    assert "no question of this name" in _dita("query", "tomorrow", *at).stderr


def _dita(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("dita")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


# --- figures, and the stub -------------------------------------------------------------------------------------------


def _quiet(_: str, __: int, ___: int) -> None:
    """No progress."""


def test_a_rebuild_is_quick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows a second of processor time, the engine's included; the target is 50,000 on a quiet machine."""
    journal = tmp_path / "long.sqlite"
    write_long(load_for_conformance(), journal, 20_000, _quiet)
    with opened(str(tmp_path / "analytics")) as store:
        began = time.process_time()
        put = fed(journal, store, batch=feeding.BATCH)
        seconds = time.process_time() - began
    with capsys.disabled():
        sys.stdout.write(f"\nanalytics: {put} rows, {int(put / seconds)} a second of processor time\n")

    assert put > 60_000
    assert put / seconds > 15_000


def test_the_stub_says_nothing_that_is_not_there() -> None:
    """What the adapter takes of the client exists, and the exceptions stand to each other as it believes."""
    client = importlib.import_module("clickhouse_connect")
    exceptions = importlib.import_module("clickhouse_connect.driver.exceptions")

    assert callable(client.get_client)
    assert issubclass(exceptions.OperationalError, exceptions.DatabaseError)
    assert issubclass(exceptions.DatabaseError, exceptions.Error)
