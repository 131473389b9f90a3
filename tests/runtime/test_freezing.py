"""Every change of the frozen state is told with its cause, once, and stands on the journal's row; no other step is."""

import asyncio
import json
from pathlib import Path

from dita.adapters.journal import ACCOUNT_NOTES, Note
from dita.adapters.journal.store import JournalStore
from dita.runtime.alerts import Alert
from dita.runtime.freezing import FreezeWatch
from dita.spec.scales import MONEY_SCALE
from dita.spec.vocabulary import Code
from reconcile_parts import QUANTITY, income_row, wallet_of
from runtime_parts import opened
from scripted_venue import EngineRoom
from virtual_time import VirtualClock, run_virtually


def notes_of(path: Path) -> list[tuple[str, str]]:
    """Name and cause of every note about the account."""
    store = JournalStore(path, read_only=True)
    try:
        notes: list[Note] = store.notes(ACCOUNT_NOTES)
    finally:
        store.close()
    return [(note.name, json.loads(note.body)["cause"]) for note in notes]


def test_a_change_is_told_once_with_its_cause_and_heals_by_itself(tmp_path: Path) -> None:
    """The wallet is 5 short: frozen by that reading. Late funding explains it: free by that income. Nothing else."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        room.engine.annotators.append(FreezeWatch(room.alerts).notes)
        await room.open_shop()
        wallet = wallet_of(room)
        assert await wallet.read()
        room.script.wallet -= 5 * MONEY_SCALE
        for _ in range(3):
            await asyncio.sleep(1)
            await wallet.read()
        assert (await room.engine.apply(opened(1, QUANTITY)[0])).code == Code.CAPITAL_FROZEN
        room.script.incomes = (income_row("FUNDING_FEE", -5 * MONEY_SCALE, 1, clock.wall_ns()),)
        await asyncio.sleep(1)
        await wallet.read()
        assert (await room.engine.apply(opened(1, QUANTITY)[0])).code == Code.OK
        assert (room.alerts.counts[Alert.CAPITAL_FROZEN], room.alerts.counts[Alert.CAPITAL_FREE]) == (1, 1)
        await room.close()

    run_virtually(work)
    assert notes_of(tmp_path / "journal.sqlite") == [("capital frozen", "WALLET"), ("capital free", "WALLET")]


def test_the_alert_says_the_numbers(tmp_path: Path) -> None:
    """Difference before and after, tolerance and predicted fees, in words that a person can act on."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        room.engine.annotators.append(FreezeWatch(room.alerts).notes)
        await room.open_shop()
        room.script.wallet += 7
        await wallet_of(room).read()
        (told,) = [one.text for one in room.alerts.newest if one.alert is Alert.CAPITAL_FROZEN]
        assert told == "cause WALLET, difference 7, before 0, tolerance 0, provisional_fees 0 (1e-8 USDT)"
        await room.close()

    run_virtually(work)
