"""``dita settle-forced``: the way out for trades that the venue never settles, on the journal of an ended session."""

import asyncio
import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from command import dita
from dita.adapters.journal import open_reader
from dita.runtime.lockstep import Lockstep
from dita.runtime.replay import replay
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.state import State, capital
from dita.spec.vocabulary import TAILS, Code, Kind, Part, Side, Verdict
from runtime_parts import PRICE, ReferenceKernel, open_test_journal, opened, registered, round_trip

pytestmark = pytest.mark.unmeasured


def forced(folder: Path, trade: int) -> subprocess.CompletedProcess[str]:
    """Run the command on the folder's journal."""
    return dita(folder, "settle-forced", str(trade), "--journal", "j", "--json", "forced.json")


def journaled(path: Path, events: list[Input]) -> None:
    """A journal of these inputs, all of them accepted."""

    async def write() -> None:
        journal = open_test_journal(path)
        journal.instrument_number("BTC-USDT", 64)
        lockstep = Lockstep(ReferenceKernel())
        for event in events:
            outcome = lockstep.step(event).outcome
            assert outcome.verdict == Verdict.ACCEPTED
            await journal.append(event, send_by_ns=0, digest=lockstep.digest(event, outcome), wall_ns=1)
        await journal.close()

    asyncio.run(write())


def replayed(path: Path) -> Lockstep:
    """Both sides as the next session would begin, every digest verified."""
    lockstep = Lockstep(ReferenceKernel())
    reader = open_reader(path)
    replay(reader.rows(), lockstep, migration=None, accept_migration=False)
    reader.close()
    return lockstep


def unsettled_trips(count: int) -> list[Input]:
    """So many finished trades in slot 0 whose fill rows never came."""
    return [*registered(), *(event for trade in range(1, count + 1) for event in round_trip(trade)[:-2])]


def test_forcing_makes_room_for_the_next_trade(tmp_path: Path) -> None:
    """Clause F3: a slot full of unsettled trades refuses ENTER; forcing the oldest lets it in, and no money moves."""
    journaled(tmp_path / "j", unsettled_trips(TAILS))
    enter = inputs.enter(slot=0, instrument=0, trade=99, side=Side.LONG, quantity=QUANTITY_SCALE // 10, price=PRICE)
    before = replayed(tmp_path / "j")
    assert before.step(enter).outcome.code == Code.UNSETTLED_TRADE

    done = forced(tmp_path, 1)

    assert done.returncode == 0, done.stderr
    after = replayed(tmp_path / "j")
    assert capital(after.state.account.ledger) == capital(before.state.account.ledger)
    assert graded(after.state) == {1: (1, 1), 2: (0, 0), 3: (0, 0), 4: (0, 0)}
    assert after.step(enter).outcome.code == Code.OK


def test_a_damaged_end_is_told(tmp_path: Path) -> None:
    """The command opens the journal for writing: what it cuts off is said, and the trade before it is forced."""
    journaled(tmp_path / "j", unsettled_trips(TAILS))
    with closing(sqlite3.connect(tmp_path / "j")) as file, file:
        file.execute("UPDATE rows SET wall_ns = 7 WHERE position = (SELECT max(position) FROM rows)")

    done = forced(tmp_path, 1)

    assert done.returncode == 0, done.stderr
    assert "the journal's end was damaged" in done.stdout
    assert f"{tmp_path}/j.damaged-" in done.stdout.replace("\n", "")


def graded(state: State) -> dict[int, tuple[int, int]]:
    """Which halves of the remembered trades of slot 0 are settled."""
    return {tail.trade: (tail.entry.graded, tail.exit.graded) for tail in state.slots[0].tails}


def test_what_was_forced_is_told_by_name(tmp_path: Path) -> None:
    """The command says which figures it accepted; the journal has the input, and a note with the same figures."""
    journaled(tmp_path / "j", [*registered(), *round_trip(1)[:-1]])  # the entry has settled

    done = forced(tmp_path, 1)

    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "forced.json").read_text())["figures"]
    assert figures == {"trade": 1, "slot": 0, "exit_quote": "5000.00000000", "exit_fee": "2.50000000"}
    assert "adjustment" in done.stdout
    reader = open_reader(tmp_path / "j")
    newest = list(reader.rows())[-1]
    assert (newest.input.kind, newest.input.trade) == (Kind.SETTLE_FORCED, 1)
    (note,) = [note for note in reader.notes(1) if note.name == "settled-by-force"]
    reader.close()
    half = {"quantity": QUANTITY_SCALE // 10, "quote": 5000 * 10**8, "fee": 250_000_000, "graded": 0}
    assert json.loads(note.body) == {"exit": half}


@pytest.mark.parametrize(
    ("trade", "says"),
    [(1, "it is settled, or never filled"), (2, "it is live in slot 0; close it first"), (3, "none beyond 2")],
)
def test_what_cannot_be_forced_is_refused(tmp_path: Path, trade: int, says: str) -> None:
    """A settled, a live and an unknown trade: status 2, the reason and the next step, and the journal as it was."""
    journaled(tmp_path / "j", [*registered(), *round_trip(1), *opened(2)])

    done = forced(tmp_path, trade)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert kinds(tmp_path / "j") == kinds_of([*registered(), *round_trip(1), *opened(2)])


def kinds(path: Path) -> list[int]:
    """The kinds of all rows."""
    reader = open_reader(path)
    found = kinds_of([row.input for row in reader.rows()])
    reader.close()
    return found


def kinds_of(events: list[Input]) -> list[int]:
    return [event.kind for event in events]


def test_a_second_time_there_is_nothing_to_force(tmp_path: Path) -> None:
    """Forcing is not repeated: the second call is refused, and the journal grew by one row only."""
    events = unsettled_trips(1)
    journaled(tmp_path / "j", events)

    assert forced(tmp_path, 1).returncode == 0
    assert forced(tmp_path, 1).returncode == 2
    assert kinds(tmp_path / "j") == [*kinds_of(events), Kind.SETTLE_FORCED]


def test_a_journal_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    """While a session runs it is the only writer; a journal that is not there is not made."""
    journaled(tmp_path / "j", unsettled_trips(1))
    journal = open_test_journal(tmp_path / "j")
    try:
        done = forced(tmp_path, 1)
    finally:
        asyncio.run(journal.close())
    assert done.returncode == 2
    assert "another runtime is writing it" in done.stderr

    (tmp_path / "j").unlink()
    assert forced(tmp_path, 1).returncode == 2
    assert not (tmp_path / "j").exists()


def test_a_settlement_after_the_force_is_no_second_booking(tmp_path: Path) -> None:
    """Rows that come after all and say the same are refused NO_CHANGE, as for every settled trade (clause O1)."""
    journaled(tmp_path / "j", unsettled_trips(1))
    assert forced(tmp_path, 1).returncode == 0
    lockstep = replayed(tmp_path / "j")
    entry = lockstep.state.slots[0].tails[0].entry

    late = inputs.settle(
        slot=0, instrument=0, trade=1, part=Part.ENTRY, quantity=entry.quantity, quote=entry.quote, fee=entry.fee,
        time_ns=5,
    )  # fmt: skip
    assert lockstep.step(late).outcome.code == Code.NO_CHANGE
