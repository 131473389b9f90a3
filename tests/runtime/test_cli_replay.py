"""``dita replay``: every row verified again, the state at any row, and the story of one trade."""

import gzip
import hashlib
import json
import sqlite3
import subprocess
from contextlib import closing
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from command import dita
from dita.adapters.journal import open_reader
from dita.adapters.journal.schema import row_checksum, snapshot_checksum
from dita.adapters.journal.store import JournalStore
from dita.reference import step
from dita.runtime.cli_journal import replay_journal
from dita.runtime.cli_report import CommandError, Report, Reporter
from dita.runtime.lockstep import Lockstep
from dita.runtime.story import Story, decimal_text
from dita.spec.inputs import Input
from dita.spec.layout import pack, unpack
from dita.spec.state import initial_state
from dita.spec.vocabulary import Kind, Part
from runtime_parts import ReferenceKernel, lived

RECORDED = Path(__file__).parents[1] / "adapters" / "journals" / "version-1.sqlite.gz"
ROWS, TRADES = 88, 7


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A real session, in the schema of then."""
    path = tmp_path / "recorded"
    path.write_bytes(gzip.decompress(RECORDED.read_bytes()))
    return path


def replayed(folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, int | str]]:
    """Run the command in a folder; what it said, and its figures."""
    (folder / "replay.json").unlink(missing_ok=True)
    done = dita(folder, "replay", *arguments, "--json", "replay.json")
    path = folder / "replay.json"
    return done, json.loads(path.read_text())["figures"] if path.exists() else {}


def raw_inputs(path: Path) -> list[Input]:
    """The inputs of a journal, by another program."""
    with closing(sqlite3.connect(path)) as file:
        return [unpack(Input, data) for (data,) in file.execute("SELECT input FROM rows ORDER BY position")]


def state_hash(events: list[Input]) -> str:
    """Of the state that the reference alone makes of them."""
    state = initial_state()
    for event in events:
        state, _ = step(state, event)
    return hashlib.sha256(pack(state)).hexdigest()


def report_of(path: Path, at: int | None = None) -> Report:
    """The same without a process of its own."""
    return replay_journal(Reporter(), journal=path, last=40, trade=None, at=at)


def test_a_session_is_reproduced_bit_for_bit(recorded: Path) -> None:
    """Every digest verified, the last state and the one at a row are the reference's own, to the hash."""
    events = raw_inputs(recorded)
    report = report_of(recorded)
    assert report.problems == []
    assert (report.figures["rows"], report.figures["digests_verified"]) == (ROWS, ROWS)
    assert report.figures["state_sha256"] == state_hash(events)
    assert report_of(recorded, at=41).figures["state_sha256"] == state_hash(events[:41]) != state_hash(events)


def test_what_differs_is_named(tmp_path: Path) -> None:
    """A digest of something else with a checksum that fits, a row that is not as written: a problem, the row named."""
    path = tmp_path / "j"
    lived(path, 9, "test")
    report = report_of(path)
    assert report.problems == []
    assert (report.figures["digests_verified"], report.figures["snapshots_verified"]) == (58, 2)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE snapshots SET state = zeroblob(8) WHERE position = 40")  # a wrong checksum: not offered
    assert report_of(path).figures["snapshots_verified"] == 1
    store = JournalStore(path)
    (newest,) = store.snapshots()
    planted = newest._replace(state=pack(initial_state()))
    wrong = next(store.packed_rows(8))._replace(digest=bytes(32))
    store.close()
    with closing(sqlite3.connect(path)) as file, file:
        values = (planted.state, snapshot_checksum(planted))
        file.execute("UPDATE snapshots SET state = ?, checksum = ? WHERE position = 50", values)
    (problem,) = report_of(path).problems
    assert "the snapshot at row `50` is of another state" in problem
    with closing(sqlite3.connect(path)) as file, file:
        values = (wrong.digest, row_checksum(wrong))
        file.execute("UPDATE rows SET digest = ?, checksum = ? WHERE position = 9", values)
    report = report_of(path)
    assert report.figures["digests_verified"] == 8
    assert "row `9`" in report.problems[0]
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE rows SET wall_ns = 0 WHERE position = 5")
    report = report_of(path)
    assert report.figures["digests_verified"] == 4
    assert "row `5`" in report.problems[0]


def story_of(path: Path, trade: int) -> Story:
    reader = open_reader(path)
    story = Story(trade, reader.meta.tag, reader.symbols)
    lockstep = Lockstep(ReferenceKernel())
    for row in reader.rows():
        story.observe(row, lockstep.step(row.input))
    reader.close()
    return story


@pytest.mark.parametrize("trade", range(1, TRADES + 1))
def test_a_story_leaves_nothing_out_and_adds_up(recorded: Path, trade: int) -> None:
    """Every row that names the trade is told, in order; the net is what the settlements of the rows say."""
    events = raw_inputs(recorded)
    story = story_of(recorded, trade)
    named = [number for number, event in enumerate(events, 1) if event.trade == trade]
    assert [line.position for line in story.lines] == named
    assert story.lines[0].what.startswith("wants ")
    assert any("order " in line.answer for line in story.lines)
    settled = {event.part: event for event in events if event.kind == Kind.SETTLE and event.trade == trade}
    entry, exit_ = settled[Part.ENTRY], settled[Part.EXIT]
    side = next(event.side for event in events if event.kind == Kind.ENTER and event.trade == trade)
    earned = (exit_.quote - entry.quote) * (1 if side == 1 else -1)
    told = dict(story.summary)
    assert Decimal(told["realised"]) * 10**8 == earned
    assert Decimal(told["net"]) * 10**8 == earned - entry.amount - exit_.amount
    assert told["entry fee"].endswith("(settled)")


def test_the_command_tells_the_story(recorded: Path) -> None:
    """What was wanted and why, each order by its name at the venue, what it came to, and the state at a row."""
    done, figures = replayed(recorded.parent, "--journal", "recorded", "--trade", "4", "--at", "41")
    assert done.returncode == 0, done.stderr
    for said in ("22 ppm from the average", "-4-0-1", "exit 2 is done: 0.0081 at 61801.8 on average", "-0.99661817"):
        assert said in done.stdout
    assert "slots[0].phase" in done.stdout
    assert figures["digests_verified"] == ROWS


@pytest.mark.parametrize(
    ("trade", "at", "says"), [(99, None, "--trade: `99` is in no row"), (None, 99, "--at: row `99`")]
)
def test_what_is_not_there_is_refused(recorded: Path, trade: int | None, at: int | None, says: str) -> None:
    """A trade or a row that the journal does not have: the option and the value are named."""
    with pytest.raises(CommandError, match=says):
        replay_journal(Reporter(), journal=recorded, last=40, trade=trade, at=at)


@given(some.integers(-(10**20), 10**20), some.sampled_from([10**3, 10**8, 10**10]))
def test_decimals_are_exact(units: int, scale: int) -> None:
    """Against exact fractions, without zeros at the end."""
    text = decimal_text(units, scale)
    assert Fraction(text) == Fraction(units, scale)
    assert "." not in text or text[-1] not in "0."
