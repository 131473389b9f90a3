"""The wallet and the income statement: read together, so that what the venue booked besides trades is known first.

Every reading takes in the newest income rows of all types, the first one all since the seed. Rows may appear late; but
nearly all rows are of trades, which the books do not take from here. So the last hour is gone through only now and
then, and for the types alone that are booked.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, final

from dita.adapters.bingx.errors import VenueError
from dita.adapters.journal import ACCOUNT_NOTES, Note
from dita.adapters.logic.income import FUNDING_TYPES, TRANSFER_TYPES, IncomeBook, IncomeError, IncomeTotal, income_input
from dita.adapters.logic.rows import IncomeRow
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.history import History
from dita.runtime.venue_port import Venue
from dita.spec import inputs
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import capital
from dita.spec.vocabulary import Code, IncomeKind, Mode, Phase, Verdict

_LATE_NS: Final = 3600 * NANOSECONDS_PER_SECOND  # a row may appear late; within this it is still found
_OVERLAP_NS: Final = 10 * NANOSECONDS_PER_SECOND  # of one reading of the newest rows with the last
_BOOKED_TYPES: Final = tuple(sorted(FUNDING_TYPES | TRANSFER_TYPES))
_SHOWN_NS: Final = 80 * 24 * 3600 * NANOSECONDS_PER_SECOND  # the venue keeps income for three months
_HEAR_SECONDS: Final = 0.1  # what moved the wallet before the reading has been pushed by then

_AT_REST: Final = (Phase.IDLE, Phase.POSITION_OPEN)

Quiet = Callable[[], AbstractAsyncContextManager[None]]


class Confirmation(NamedTuple):
    """What to do with the first comparable reading after a guessed seed: the note on its row, and whom to tell."""

    note: str
    positions_known: Callable[[], bool]
    confirmed: Callable[[], Awaitable[None]]


@final
class WalletReader:
    """The INCOME and WALLET inputs."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        alerts: Alerts,
        *,
        history: History,
        quiet: Quiet,
        interval_seconds: float,
        again_seconds: float,
        age_seconds: float,
        income_seconds: float,
        dust: int = 0,
    ) -> None:
        """``income_seconds``: how often late income is looked for; at once when a settled wallet is not explained.

        ``history``: when the books were seeded, and how far income was booked before this start. ``dust``: largest
        difference that is written off when flat.

        ``quiet`` keeps new intents back while the wallet is read.
        """
        self._quiet = quiet
        self._engine = engine
        self._venue = venue
        self._alerts = alerts
        self._seeded_ns = history.seeded_ns
        self._interval_seconds = interval_seconds
        self._again_seconds = again_seconds
        self._age_ns = int(age_seconds * NANOSECONDS_PER_SECOND)
        self._dust = dust
        self._book = IncomeBook(history.seeded_ns, venue.asset)
        self._booked_ns = dict(history.income_ns)  # what the venue may not show any more; empty once that is settled
        self._unknown_types = 0
        self._income_ns = int(income_seconds * NANOSECONDS_PER_SECOND)
        self._read_to_ns = history.seeded_ns  # venue time up to which the newest income was read
        self._looked_back_to_ns = 0  # and up to which late income was looked for
        self._look_back_at_ns = venue.clock.monotonic_ns() + self._income_ns
        self._wanted = asyncio.Event()
        self._comparable_at_ns = venue.clock.monotonic_ns()
        self._lowered = False  # we set REDUCE_ONLY because of the age
        self._settled = asyncio.Event()
        self._confirming: Confirmation | None = None
        self.readings = 0

    def request(self) -> None:
        """Read soon."""
        self._wanted.set()

    def settled(self) -> None:
        """Something was settled: read soon, at most once in a fifth of the interval."""
        self._settled.set()

    def confirm_next(self, confirmation: Confirmation) -> None:
        """Take the whole difference for a wrong seed, once, when flat and settled and nothing is unexplained."""
        self._confirming = confirmation
        self._wanted.set()

    def seeded(self, time_ns: int) -> None:
        """The books begin here."""
        self._seeded_ns = self._read_to_ns = time_ns
        self._book = IncomeBook(time_ns, self._venue.asset)
        self._booked_ns.clear()

    async def run(self) -> None:
        """Read for ever. A difference is looked at again soon, then later and later: it may be a predicted fee."""
        doubt_seconds = 0.0
        while True:
            try:
                async with asyncio.timeout(doubt_seconds or self._interval_seconds):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            if not await self.read():
                await asyncio.sleep(self._again_seconds)
                self._wanted.set()
            elif self.difference:
                doubt_seconds = min(max(self._again_seconds, 2 * doubt_seconds), self._interval_seconds)
            else:
                doubt_seconds = 0.0
            await self._mind_the_age()

    async def follow_settlements(self) -> None:
        """For ever ask for a reading after what was settled.

        A reading keeps the policy from acting, longest while it waits for orders in flight: hence only when there is
        none, and with a pause.
        """
        while True:
            await self._settled.wait()
            while any(slot.phase not in _AT_REST for slot in self._engine.state.slots):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(_HEAR_SECONDS)
            self._settled.clear()
            self._wanted.set()
            await asyncio.sleep(self._interval_seconds / 5)

    async def read(self) -> bool:
        """Income, then the wallet; whether the wallet was comparable."""
        try:
            await self._read_income()
            async with self._quiet():
                await asyncio.sleep(self._venue.read_lag_ns / NANOSECONDS_PER_SECOND)  # then all past money shows
                before_ns = self._engine.state.account.ledger.last_money_time_ns
                as_of_ns = (await self._venue.reader.server_time()).server_ns - self._venue.read_lag_ns
                balance = await self._venue.reader.balance(self._venue.asset)
                await asyncio.sleep(_HEAR_SECONDS)
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return False
        if self._engine.state.account.ledger.last_money_time_ns != before_ns:
            return False  # money moved around the reading: whether it is in there nobody can say
        outcome = await self._engine.apply(inputs.wallet(amount=balance.balance, as_of_ns=as_of_ns))
        self.readings += 1
        comparable = outcome.verdict == Verdict.ACCEPTED or outcome.code == Code.NO_CHANGE
        if comparable:
            self._comparable_at_ns = self._venue.clock.monotonic_ns()
            await self._adjust(as_of_ns)
        return comparable

    async def _read_income(self) -> None:
        now_ns = (await self._venue.reader.server_time()).server_ns
        self._go_on(now_ns)
        rows = [*await self._venue.reader.income(self._after(self._read_to_ns, _OVERLAP_NS, now_ns), now_ns)]
        ledger = self._engine.state.account.ledger
        unexplained = ledger.difference != 0 and ledger.fees_provisional == 0
        if self._venue.clock.monotonic_ns() >= self._look_back_at_ns or unexplained:
            rows += await self._late_income(now_ns)
        try:
            grown = self._book.add(rows)
        except IncomeError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return
        self._read_to_ns = now_ns
        for total in grown:
            await self._engine.apply(income_input(total))
        if len(self._book.unknown_types) > self._unknown_types:
            self._unknown_types = len(self._book.unknown_types)
            names = ", ".join(sorted(self._book.unknown_types))
            self._alerts.raise_(Alert.UNKNOWN_INCOME, f"income of types nobody knows is not booked: {names}")

    def _go_on(self, now_ns: int) -> None:
        """At a start: where the venue does not show all rows since the seed any more, count on from what is booked."""
        if self._booked_ns and now_ns - self._seeded_ns > _SHOWN_NS:
            ledger = self._engine.state.account.ledger
            for kind, rows, total in (
                (IncomeKind.FUNDING, ledger.funding_rows, ledger.funding),
                (IncomeKind.TRANSFER, ledger.transfer_rows, ledger.transfers),
            ):
                if kind in self._booked_ns:
                    self._book.restore(IncomeTotal(kind, rows, total, self._booked_ns[kind]))
        self._booked_ns.clear()

    async def _late_income(self, now_ns: int) -> list[IncomeRow]:
        """What is booked, since an hour before the last look; the first time since the seed."""
        start_ns = self._after(self._looked_back_to_ns, _LATE_NS, now_ns)
        rows = [row for kind in _BOOKED_TYPES for row in await self._venue.reader.income(start_ns, now_ns, kind)]
        self._book.fold(start_ns - 1)
        self._looked_back_to_ns = now_ns
        self._look_back_at_ns = self._venue.clock.monotonic_ns() + self._income_ns
        return rows

    def _after(self, time_ns: int, overlap_ns: int, now_ns: int) -> int:
        return min(max(self._seeded_ns, time_ns - overlap_ns), now_ns)  # the venue's clock may have been set back

    async def _adjust(self, as_of_ns: int) -> None:
        """Write off dust, or put a guessed seed right."""
        account = self._engine.state.account
        ledger = account.ledger
        if account.live_slots or ledger.fees_provisional or account.unreconciled:
            return
        confirming = self._confirming
        if confirming is not None and not confirming.positions_known():
            return
        self._confirming = None
        if confirming is None and not 0 < abs(ledger.difference) <= self._dust:
            return
        notes: tuple[Note, ...] = ()
        if confirming is not None:
            notes = (Note(ACCOUNT_NOTES, confirming.note, json.dumps({"difference": ledger.difference})),)
        await self._engine.apply(
            inputs.income(
                kind=IncomeKind.ADJUSTMENT,
                rows=ledger.adjustment_rows + 1,
                total=ledger.adjustments + ledger.difference,
                time_ns=as_of_ns,
            ),
            notes,
        )
        if confirming is not None:
            await confirming.confirmed()

    async def _mind_the_age(self) -> None:
        aged = self._venue.clock.monotonic_ns() - self._comparable_at_ns > self._age_ns
        mode = self._engine.state.account.mode
        if aged and mode == Mode.ACTIVE:
            self._alerts.raise_(Alert.AGED_RECONCILE, "no comparable wallet reading for too long: no new trades")
            self._lowered = True
            await self._engine.reduce_only()
        elif not aged and self._lowered:
            self._lowered = False
            if mode == Mode.REDUCE_ONLY and self._engine.may_add_risk:
                await self._engine.apply(inputs.set_mode(Mode.ACTIVE))

    @property
    def difference(self) -> int:
        """Wallet minus capital at the last comparable reading, 1e-8 USDT."""
        return self._engine.state.account.ledger.difference

    @property
    def capital(self) -> int:
        """The books' capital, 1e-8 USDT."""
        return capital(self._engine.state.account.ledger)
