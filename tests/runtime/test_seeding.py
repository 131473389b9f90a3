"""Where the books begin: with the wallet; else with the operator's word, for closing only until the wallet was seen."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dita.adapters.journal import ACCOUNT_NOTES
from dita.adapters.journal.store import JournalStore
from dita.runtime.alerts import Alert
from dita.runtime.connect import StartError
from dita.runtime.seeding import HOLD, Seeder, is_guess
from dita.runtime.wallet import WalletReader
from dita.spec import inputs
from dita.spec.scales import MONEY_SCALE
from dita.spec.state import capital
from dita.spec.vocabulary import Mode
from reconcile_parts import QUANTITY, wallet_of
from runtime_parts import opened, registered
from scripted_venue import EngineRoom
from virtual_time import VirtualClock, run_virtually

WALLET = 100_000 * MONEY_SCALE
WORD = 25_000 * MONEY_SCALE  # a quarter of what there is


@dataclass
class Shop:
    """An engine room that is not seeded, with its wallet and seeder."""

    room: EngineRoom
    wallet: WalletReader
    seeder: Seeder
    held: set[str] = field(default_factory=set[str])
    positions_known: bool = True

    async def seen_again(self) -> None:
        """The wallet can be read again, and is, a moment later."""
        self.room.script.down = False
        await asyncio.sleep(1)
        assert await self.wallet.read()


async def unseeded(folder: Path, clock: VirtualClock, fallback: int | None) -> Shop:
    room = EngineRoom(folder, clock)
    wallet = wallet_of(room)
    held: set[str] = set()
    seeder = Seeder(
        room.engine, room.venue, wallet, room.alerts, fallback=fallback, wanted=lambda: Mode.ACTIVE,
        positions_known=lambda: shop.positions_known, hold=held.add, release=held.discard,
    )  # fmt: skip
    shop = Shop(room, wallet, seeder, held)
    for event in registered()[:2]:
        await room.engine.apply(event)
    return shop


async def guessed(folder: Path, clock: VirtualClock) -> Shop:
    """The same, seeded by the operator's word, for the wallet cannot be read: nothing is opened."""
    shop = await unseeded(folder, clock, WORD)
    shop.room.script.down = True
    await shop.seeder.seed()
    return shop


def test_the_books_begin_with_the_wallet_whatever_the_settings_say(tmp_path: Path) -> None:
    """The venue answers: its number is the seed, no alert, nothing is held, and a second time changes nothing."""

    async def work(clock: VirtualClock) -> None:
        shop = await unseeded(tmp_path, clock, WORD)
        for _ in range(2):
            await shop.seeder.seed()
            await shop.seeder.keep_to_closing()
        ledger = shop.room.engine.state.account.ledger
        assert (ledger.seed, capital(ledger), shop.held) == (WALLET, WALLET, set())
        assert shop.room.alerts.counts[Alert.SEED_GUESSED] == 0
        assert shop.room.engine.state.account.mode == Mode.ACTIVE
        await shop.room.close()

    run_virtually(work)


def test_without_a_wallet_and_without_a_word_nothing_starts(tmp_path: Path) -> None:
    """The error names the setting that would allow it; nothing was seeded."""

    async def work(clock: VirtualClock) -> None:
        shop = await unseeded(tmp_path, clock, None)
        shop.room.script.down = True
        with pytest.raises(StartError, match="DITA_SEED_FALLBACK_USDT"):
            await shop.seeder.seed()
        assert shop.room.engine.state.account.seeded == 0
        await shop.room.close()

    run_virtually(work)


def test_a_seed_four_times_off_closes_only_and_is_put_right_by_the_first_wallet(tmp_path: Path) -> None:
    """Loud and held while nobody has seen the wallet; then one ADJUSTMENT, equal books, and trading."""

    async def work(clock: VirtualClock) -> None:
        shop = await guessed(tmp_path, clock)
        room = shop.room
        await shop.seeder.keep_to_closing()
        assert capital(room.engine.state.account.ledger) == WORD
        assert (shop.held, room.engine.state.account.mode) == ({HOLD}, Mode.REDUCE_ONLY)
        assert room.alerts.counts[Alert.SEED_GUESSED] == 1
        assert not await shop.wallet.read()
        assert shop.held == {HOLD}
        await shop.seen_again()
        ledger = room.engine.state.account.ledger
        assert (ledger.seed, ledger.adjustments, ledger.difference) == (WORD, WALLET - WORD, 0)
        assert (capital(ledger), shop.held) == (WALLET, set())
        assert room.engine.state.account.mode == Mode.ACTIVE
        room.script.wallet += 5  # from now on a difference is a difference
        await asyncio.sleep(1)
        await shop.wallet.read()
        assert room.engine.state.account.ledger.difference == 5
        await room.close()

    run_virtually(work)


def test_an_open_trade_keeps_the_guess_waiting(tmp_path: Path) -> None:
    """What is open or predicted would hide in the adjustment: it waits until the account is flat and settled."""

    async def work(clock: VirtualClock) -> None:
        shop = await guessed(tmp_path, clock)
        room = shop.room
        for event in opened(1, QUANTITY):
            await room.engine.apply(event)
        await shop.seeder.keep_to_closing()
        await shop.seen_again()
        assert (room.engine.state.account.ledger.adjustments, shop.held) == (0, {HOLD})
        await room.close()

    run_virtually(work)


def test_a_position_that_is_not_explained_keeps_the_guess_waiting(tmp_path: Path) -> None:
    """Its fees would hide in the adjustment, and come again when it is adopted; unread positions count as such."""

    async def work(clock: VirtualClock) -> None:
        shop = await guessed(tmp_path, clock)
        room = shop.room
        await shop.seeder.keep_to_closing()
        shop.positions_known = False
        await shop.seen_again()
        assert shop.held == {HOLD}
        shop.positions_known = True
        place = {"slot": 0, "instrument": 0, "short_quantity": 0, "foreign_orders": 0}
        await room.engine.apply(inputs.position(**place, long_quantity=QUANTITY, as_of_ns=clock.wall_ns()))
        await asyncio.sleep(1)
        assert await shop.wallet.read()
        assert shop.held == {HOLD}
        await room.engine.apply(inputs.position(**place, long_quantity=0, as_of_ns=clock.wall_ns()))
        await asyncio.sleep(1)
        assert await shop.wallet.read()
        assert shop.held == set()
        await room.close()

    run_virtually(work)


def test_a_restart_remembers_the_guess_from_the_journal(tmp_path: Path) -> None:
    """The notes on the rows say so; after the adjustment they say that it is over."""
    path = tmp_path / "journal.sqlite"

    def remembered() -> bool:
        store = JournalStore(path, read_only=True)
        try:
            return is_guess(store.notes(ACCOUNT_NOTES))
        finally:
            store.close()

    async def work(clock: VirtualClock) -> None:
        shop = await guessed(tmp_path, clock)
        assert remembered()
        await shop.seeder.keep_to_closing()
        await shop.seen_again()
        assert not remembered()
        await shop.room.close()

    run_virtually(work)
