"""Follows the account stream: order rows to the kernel, gaps to a fresh look at all that may have been missed."""

from typing import Final, Protocol, final

from dita.adapters.bingx.stream_base import StreamClosed
from dita.adapters.bingx.stream_events import AccountEvent, AccountUpdate, OrderUpdate, StreamGap, StreamRestored
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.backfilling import Backfiller
from dita.runtime.flights import Flights
from dita.runtime.order_truth import OrderTruth

_MONEY_REASONS: Final = frozenset({"FUNDING_FEE", "DEPOSIT", "WITHDRAW", "TRANSFER"})


class AccountEvents(Protocol):
    """The adapter's account stream."""

    async def next_event(self) -> AccountEvent:
        """The next one; raises StreamClosed at the end."""
        ...


class Requestable(Protocol):
    """Reads something soon."""

    def request(self) -> None:
        """Soon. Must not wait."""
        ...


@final
class AccountWatch:
    """See the module."""

    def __init__(
        self,
        stream: AccountEvents,
        orders: OrderTruth,
        flights: Flights,
        positions: Requestable,
        wallet: Requestable,
        backfiller: Backfiller,
        alerts: Alerts,
    ) -> None:
        self.reconnects = 0
        self.gaps = 0
        self._live_before = False
        self._stream = stream
        self._orders = orders
        self._flights = flights
        self._positions = positions
        self._wallet = wallet
        self._backfiller = backfiller
        self._alerts = alerts

    async def run(self) -> None:
        """Until the stream is closed."""
        while True:
            try:
                event = await self._stream.next_event()
            except StreamClosed:
                return
            await self.take(event)

    async def take(self, event: AccountEvent) -> None:
        """One event. Never raises."""
        try:
            await self._on_event(event)
        except Exception as error:  # noqa: BLE001 - one bad event must not end the watching
            self._alerts.raise_(Alert.OWN_BUG, f"account event {type(event).__name__} raised {error!r}")
            self._positions.request()

    async def _on_event(self, event: AccountEvent) -> None:
        match event:
            case OrderUpdate(row):
                await self._orders.on_row(row, self._flights)
            case AccountUpdate(reason):
                if reason in _MONEY_REASONS:
                    self._wallet.request()
            case StreamGap(_, reason):
                self.gaps += self._live_before  # a stream begins in a gap, which is none
                self._alerts.raise_(Alert.STREAM_GAP, f"account stream: {reason}")
            case StreamRestored(gap_started_ns):
                if self._live_before:
                    self.reconnects += 1
                self._live_before = True
                self._backfiller.begin(gap_started_ns)
