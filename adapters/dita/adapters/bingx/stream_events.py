"""What a stream tells its caller, besides the market events of ``dita.spec.market``."""

from dataclasses import dataclass

from dita.adapters.logic.rows import OrderRow


@dataclass(frozen=True, slots=True)
class StreamGap:
    """From ``started_ns`` (UTC) on, anything may have been missed. Orders, positions and fills must be read again."""

    started_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class StreamRestored:
    """The stream is live again: read what the gap may have hidden, now and once more after the venue's read lag."""

    gap_started_ns: int
    restored_ns: int


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """One push about one order."""

    row: OrderRow
    event_ns: int


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """Balances or positions changed: a reason to read them. ``reason`` is the venue's word (ORDER, FUNDING_FEE, …)."""

    reason: str
    event_ns: int
    wallets: tuple[tuple[str, int], ...]  # (asset, wallet balance in 1e-8 USDT)
    symbols: tuple[str, ...]  # whose position changed


@dataclass(frozen=True, slots=True)
class MarkPrice:
    """What profit, margin and liquidation are reckoned by, 1e-10 USDT."""

    symbol: str
    price: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class TopicRefused:
    """The venue refused a market topic: nothing will come of it until the configuration is mended."""

    topic: str
    code: str
    text: str


AccountEvent = StreamGap | StreamRestored | OrderUpdate | AccountUpdate
