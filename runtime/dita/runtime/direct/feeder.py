"""Feeds an exchange that is called directly: the next event comes when everything that the last one caused is over.

An event takes a moment. After so many of them the runtime's own readings have their turn, and take what they take.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, final

from dita.reference.ledger import frozen
from dita.runtime.direct.account import DirectAccount, Listener
from dita.runtime.direct.rows import whole_milliseconds
from dita.runtime.paper import PaperExchange
from dita.runtime.settlement import Settler
from dita.runtime.strategist import Strategist
from dita.spec.market import BookTicker, MarketEvent
from dita.spec.state import State
from dita.spec.vocabulary import Phase

_EVENT_SECONDS: Final = 0.001  # no two are of one instant
_EVENTS: Final = 100  # from breath to breath
_WAIT_SECONDS: Final = 0.1
_WAITS_MAX: Final = 50
_AT_REST: Final = (Phase.IDLE, Phase.POSITION_OPEN, Phase.ENTRY_WORKING, Phase.EXIT_WORKING)


@final
class DirectFeeder:
    """See the module."""

    def __init__(
        self,
        exchange: PaperExchange,
        account: DirectAccount,
        events: Iterator[MarketEvent],
        strategist: Strategist,
        settler: Settler,
        listener: Listener,
        state: Callable[[], State],
        pass_time: Callable[[float], None],
    ) -> None:
        """``pass_time`` lets so many seconds pass at once.

        ``listener`` hears of the account from now on, also when the market has ended.
        """
        self._exchange = exchange
        self._account = account
        self._events = events
        self._strategist = strategist
        self._settler = settler
        self._state = state
        self._pass_time = pass_time
        self._rested: State | None = None
        account.listener = listener

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Until the market data ends, or is asked no more. Raises FeedError."""
        account, strategist, settler = self._account, self._strategist, self._settler
        wants_trades = strategist.wants_trades
        for number, event in enumerate(self._events, 1):
            if is_over():
                return
            self._pass_time(_EVENT_SECONDS)
            told = as_told(self._exchange.on_its_grid(event))
            await account.feed(told)
            if wants_trades or isinstance(told, BookTicker):
                strategist.on_market(told)
            await settler.settle_wanted()
            if number % _EVENTS == 0 or not self._is_at_rest():
                await self._breathe()

    async def _breathe(self) -> None:
        """Let happen what is due by now, and what takes time take its time."""
        await asyncio.sleep(0)
        for _ in range(_WAITS_MAX):
            if self._is_at_rest():
                return
            await asyncio.sleep(_WAIT_SECONDS)

    def _is_at_rest(self) -> bool:
        """Whether time alone changes nothing: see ``paper.SteadyFeeder``. Here the exchange is never behind."""
        if self._strategist.is_quiet or self._strategist.is_deciding:
            return False
        state = self._state()
        if state is self._rested:
            return True
        account = state.account
        if account.unreconciled or frozen(account.ledger, account.tolerance):
            return False
        if account.live_slots and any(slot.phase not in _AT_REST for slot in state.slots):
            return False
        self._rested = state
        return True


def as_told(event: MarketEvent) -> MarketEvent:
    """The event as a frame would tell it: with a time of whole milliseconds."""
    time_ns = whole_milliseconds(event.time_ns)
    return event if time_ns == event.time_ns else replace(event, time_ns=time_ns)
