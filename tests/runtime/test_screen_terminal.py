"""The screen as a process on a real terminal of eighty columns and twenty-four lines, with real keys."""

from pathlib import Path

from command import DITA, alone
from dita.adapters.journal import open_reader
from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.runtime.screen.journal_source import JournalSource
from dita.runtime.screen.look import Standing
from dita.spec.state import capital, remaining
from report_sessions import worked_out, write_journal
from runtime_parts import opened
from terminal import terminal


def a_journal(folder: Path) -> Path:
    """A session worked out by hand, and a trade that is still open at its end."""
    return write_journal(folder / "journal.sqlite", [*worked_out(), *opened(9, slot=3)])


def test_a_journal_is_gone_through_on_a_terminal(tmp_path: Path) -> None:
    """It opens at the end, goes to the first row and back one, refuses commands, explains its keys, and ends on q."""
    path = a_journal(tmp_path)
    reader = open_reader(path)
    rows = reader.position
    reader.close()

    with terminal([*DITA, "status", "--journal", "journal.sqlite"], tmp_path, alone(tmp_path)) as at:
        at.shows(f"{rows} rows: row {rows} at")
        for text in ("── slots 1 of 16", " 3      9 BTC-USDT   long  position open ", "── rows", "← → row"):
            at.shows(text)
        assert len(at.lines) == 24
        assert at.lines[0].startswith(" REPLAY   active")
        at.press("left")
        at.shows(f"{rows} rows: row {rows - 1} at")
        at.press("home")
        at.shows(f"{rows} rows: row 1 at")
        at.shows("no trade is live")
        at.press("f")
        at.shows("there is no runtime to command here")
        at.press("?")
        at.shows("any key closes this")
        at.press("x")
        at.press("end")
        at.shows(f"{rows} rows: row {rows} at")
        at.press("q")
        assert at.ended() == 0


def test_a_source_follows_a_journal_and_every_moment_is_its_own(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """Each moment is the engine after its row; one by one the same as all at once; what is kept is bounded."""
    path = a_journal(tmp_path)
    reader = open_reader(path)
    with Kernel(raw_kernel) as walking, Kernel(raw_kernel) as again, Kernel(raw_kernel) as by_hand:
        source = JournalSource(reader, walking)
        done: list[int] = []
        source.read(lambda position, _: done.append(position))
        assert done[-1] == reader.position
        source.move(-(10**9))
        for row in reader.rows():
            by_hand.step(row.input)
            state = by_hand.state()
            look = source.look()
            assert (look.standing, look.now_ns) == (Standing.REPLAY, row.wall_ns)
            assert look.engine is not None
            assert look.engine.journal_position == row.position
            assert look.engine.capital_e8_usdt == capital(state.account.ledger)
            assert sum(view.held_e8_coins for view in look.engine.slots) == sum(map(remaining, state.slots))
            assert look.lines[0].split()[1] == str(row.position)
            source.move(1)
        assert source.look().gates  # the session held entries

        few = JournalSource(reader, again, kept=5)
        few.read(lambda done, total: None)
        few.move(-100)
        engine = few.look().engine
        assert engine is not None
        assert engine.journal_position == reader.position - 4
    reader.close()
