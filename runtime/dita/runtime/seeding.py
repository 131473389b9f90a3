"""Where the books begin: with the venue's wallet, read before the first input.

Only when that cannot be read they begin with what the operator has said it is (``DITA_SEED_FALLBACK_USDT``), loudly and
for closing alone. SEED is given once; so the first comparable reading of a flat and settled account puts the guess
right by an INCOME of kind ADJUSTMENT over the whole difference, and trading begins. Notes on both rows let a start
know, from the journal, that a guess still waits for its wallet.
"""

import json
from collections.abc import Callable, Iterable
from typing import Final, final

from dita.adapters.bingx.errors import VenueError
from dita.adapters.journal import ACCOUNT_NOTES, Note
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.connect import StartError
from dita.runtime.engine import Engine
from dita.runtime.venue_port import Venue
from dita.runtime.wallet import Confirmation, WalletReader
from dita.spec import inputs
from dita.spec.vocabulary import Mode, Verdict

HOLD: Final = "the wallet has not been seen"
_WHY_CHARACTERS: Final = 500
_GUESSED: Final = "seed guessed"
_CONFIRMED: Final = "seed confirmed"


def is_guess(notes: Iterable[Note]) -> bool:
    """Whether the account's notes end with a seed that no wallet has confirmed."""
    last = ""
    for note in notes:
        if note.name in (_GUESSED, _CONFIRMED):
            last = note.name
    return last == _GUESSED


@final
class Seeder:
    """See the module. ``fallback``: 1e-8 USDT, None: there is none. ``wanted``: the mode by settings and switch.

    ``positions_known``: whether this process has read all positions; one that nobody has adopted yet has cost a fee.
    """

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        wallet: WalletReader,
        alerts: Alerts,
        *,
        fallback: int | None,
        wanted: Callable[[], Mode],
        positions_known: Callable[[], bool],
        hold: Callable[[str], None],
        release: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._venue = venue
        self._wallet = wallet
        self._alerts = alerts
        self._fallback = fallback
        self._wanted = wanted
        self._positions_known = positions_known
        self._hold = hold
        self._release = release
        self._is_guess = is_guess(engine.journal.notes(ACCOUNT_NOTES))

    async def seed(self) -> None:
        """Begin the books, unless a journal has begun them. Raises StartError."""
        if self._engine.state.account.seeded:
            return
        note: tuple[Note, ...] = ()
        try:
            time_ns = (await self._venue.reader.server_time()).server_ns
            amount = (await self._venue.reader.balance(self._venue.asset)).balance
        except VenueError as error:
            if self._fallback is None:
                raise StartError(
                    f"wallet: it could not be read ({error}); try again, or set DITA_SEED_FALLBACK_USDT to what is in"
                    " it, which opens nothing until the wallet was read"
                ) from error
            time_ns, amount = self._venue.venue_now_ns(), self._fallback
            body = json.dumps({"amount": amount, "why": str(error)[:_WHY_CHARACTERS]})
            note = (Note(ACCOUNT_NOTES, _GUESSED, body),)
            said = f"`{amount}` (1e-8 {self._venue.asset}) by the settings; nothing is opened until it was read"
            self._alerts.raise_(Alert.SEED_GUESSED, f"wallet: {error}; {said}")
        outcome = await self._engine.apply(inputs.seed(amount=amount, time_ns=time_ns), note)
        if outcome.verdict != Verdict.ACCEPTED:
            raise StartError(f"wallet: `{amount}` (1e-8 {self._venue.asset}) cannot be traded with; deposit first")
        self._is_guess = bool(note)
        self._wallet.seeded(time_ns)

    async def keep_to_closing(self) -> None:
        """While the seed is a guess: nothing is opened, whatever mode is wanted."""
        if self._is_guess:
            self._hold(HOLD)
            self._wallet.confirm_next(Confirmation(_CONFIRMED, self._positions_known, self._confirmed))
            await self._engine.reduce_only()

    async def _confirmed(self) -> None:
        self._is_guess = False
        self._release(HOLD)
        self._alerts.raise_(Alert.SEED_GUESSED, "wallet: seen; the books begin with it now")
        mode = self._wanted()
        if self._engine.state.account.mode > mode and self._engine.may_add_risk:
            await self._engine.apply(inputs.set_mode(mode))
