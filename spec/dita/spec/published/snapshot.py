"""What the engine is at one moment: the part that its journal says, and the part that only the running process knows.

``EngineSnapshot`` is derived from the journal and is a family of rows (``engine_snapshots``). ``LiveSnapshot`` is what
a running process publishes: such a snapshot, and ``Health`` beside it. Ages are left to the reader: now minus a time.
"""

from typing import Annotated, Final, NamedTuple

from dita.spec.decisions import Check, Reason
from dita.spec.published.fields import Count, Names
from dita.spec.published.rows import JournalTag, Ordinal, Position, PositionSide, Slot, Symbol, Trade, WallNs
from dita.spec.vocabulary import Mode, OrderSide, Phase

Told = Annotated[Count, "how many there have been since the process began"]


class SlotView(NamedTuple):
    """One slot with a live trade."""

    slot: Slot
    trade: Trade
    symbol: Symbol
    side: PositionSide
    phase: Annotated[str, Names(Phase), "where the trade stands"]
    began_ns: Annotated[int, "our own clock when the trade was asked for or found"]
    phase_since_ns: Annotated[int, "our own clock when it came to this phase"]
    reference_price_e10_usdt: Annotated[int, "the quote that it was entered on"]
    ordered_e8_coins: Annotated[int, "what the entry order is for"]
    entry_e8_coins: Annotated[int, "bought or sold to open"]
    entry_quote_e8_usdt: Annotated[int, "for so much"]
    entry_price_e10_usdt: Annotated[int, "on average, rounded down; 0: nothing filled"]
    exit_e8_coins: Annotated[int, "closed so far, by whatever way"]
    exit_quote_e8_usdt: Annotated[int, "for so much"]
    held_e8_coins: Annotated[int, "what is held now"]
    exposure_e8_usdt: Annotated[int, "notional that counts against the largest leverage"]
    realised_e8_usdt: Annotated[int, "profit before fees, booked so far"]
    fee_e8_usdt: Annotated[int, "fees booked so far, positive is paid"]
    legs: Annotated[Count, "legs of the exit plan"]
    next_leg: Annotated[Count, "the leg that is next, from 0"]
    is_flattening: Annotated[bool, "everything is to be closed once the order in flight is over"]
    is_entry_settled: Annotated[bool, "quantity, notional and fee of the entry are the venue's own rows"]


class OrderView(NamedTuple):
    """An order that is under way."""

    client_order_id: Annotated[str, "its name at the venue"]
    slot: Slot
    trade: Trade
    attempt: Annotated[Count, "0: the entry order; n: the n-th exit order"]
    symbol: Symbol
    side: Annotated[str, Names(OrderSide), "direction of the order"]
    phase: Annotated[str, Names(Phase), "requested, working or unresolved"]
    ordered_e8_coins: Annotated[int, "what it is for"]
    filled_e8_coins: Annotated[int, "cumulative fill"]
    filled_quote_e8_usdt: Annotated[int, "cumulative notional"]
    limit_price_e10_usdt: Annotated[int, "its limit; 0: market"]
    commanded_ns: Annotated[int, "our own clock when it was commanded"]
    send_by_ns: Annotated[int, "the venue's time after which it may not be written"]
    is_seen: Annotated[bool, "the venue has told of it"]
    is_reduce_only: Annotated[bool, "it only closes"]


class InstrumentView(NamedTuple):
    """A registered contract."""

    symbol: Symbol
    long_e8_coins: Annotated[int, "held long by our trades"]
    short_e8_coins: Annotated[int, "held short by our trades"]
    is_busy: Annotated[bool, "a trade is live in it"]
    is_reconcile_required: Annotated[bool, "the venue has something here that is not explained; nothing is opened"]
    evidence_ns: Annotated[int, "the venue's time of the newest unexplained evidence; 0: none"]
    fill_ns: Annotated[int, "the venue's time of the newest booked fill; 0: none"]
    taker_ppb: Annotated[int, "fee rate of a taker"]
    maker_ppb: Annotated[int, "fee rate of a maker"]


class EngineSnapshot(NamedTuple):
    """The engine after a row of its journal."""

    journal_tag: JournalTag
    journal_position: Position
    ordinal: Ordinal
    wall_ns: WallNs
    mode: Annotated[str, Names(Mode), "the trading mode"]
    slot_limit: Annotated[Count, "most trades that may be live"]
    live_slots: Annotated[Count, "trades that are live"]
    newest_trade: Annotated[Count, "largest trade number given out"]
    unreconciled: Annotated[Count, "instruments that require a reconcile"]
    unsettled_trades: Annotated[Count, "finished trades that wait for the venue's rows"]
    is_seeded: Annotated[bool, "the books have begun"]
    is_frozen: Annotated[bool, "wallet and books differ by more than is explained, nothing is opened"]
    capital_e8_usdt: Annotated[int, "seed, profit, fees, funding, transfers and adjustments together"]
    seed_e8_usdt: Annotated[int, "what the books began with"]
    realised_e8_usdt: Annotated[int, "profit before fees"]
    fee_e8_usdt: Annotated[int, "fees as booked, positive is paid"]
    predicted_fee_e8_usdt: Annotated[int, "the part of them that is predicted"]
    settled_fee_e8_usdt: Annotated[int, "the part of them that the venue has settled"]
    funding_e8_usdt: Annotated[int, "positive is received"]
    transfer_e8_usdt: Annotated[int, "positive is received"]
    adjustment_e8_usdt: Annotated[int, "positive is received"]
    is_wallet_seen: Annotated[bool, "there has been a comparable wallet reading"]
    wallet_e8_usdt: Annotated[int, "the newest comparable wallet reading"]
    wallet_ns: Annotated[int, "the venue's time that it includes everything up to"]
    difference_e8_usdt: Annotated[int, "wallet minus capital at that reading"]
    tolerance_e8_usdt: Annotated[int, "how large a difference is no matter"]
    exposure_e8_usdt: Annotated[int, "notional of live trades"]
    leverage_max_ppm: Annotated[int, "largest leverage of all trades together"]
    calibration_ppm: Annotated[int, "settled fee over model fee"]
    slots: Annotated[tuple[SlotView, ...], "live trades, by slot"]
    orders: Annotated[tuple[OrderView, ...], "orders under way, by slot"]
    instruments: Annotated[tuple[InstrumentView, ...], "registered contracts, by number"]


class GateView(NamedTuple):
    """The newest entries that were held, one a symbol and reason."""

    symbol: Symbol
    side: PositionSide
    check: Annotated[str, Names(Check), "who held it"]
    reason: Annotated[str, Names(Reason), "why"]
    held: Told
    newest_ns: Annotated[int, "our own clock at the newest"]
    facts: Annotated[str, "every number that the newest was decided on, JSON"]


class StreamView(NamedTuple):
    """One stream of the venue."""

    stream: Annotated[str, "its name"]
    is_live: Annotated[bool, "connected, and no gap is open"]
    gaps: Told
    restored: Told
    dropped: Told
    dark_span_ns: Annotated[int, "time in gaps that are over"]
    newest_ns: Annotated[int, "our own clock at its newest event; 0: none yet"]


class QuoteView(NamedTuple):
    """The newest quote of a symbol."""

    symbol: Symbol
    bid_e10_usdt: Annotated[int, "best bid; 0: none yet"]
    ask_e10_usdt: Annotated[int, "best ask; 0: none yet"]
    newest_ns: Annotated[int, "our own clock when it came; 0: none yet"]


class LatencyView(NamedTuple):
    """How long something takes, over a window of the newest ones."""

    what: Annotated[str, "what is measured"]
    measured: Annotated[Count, "how many are in the window"]
    p50_span_ns: Annotated[int, "half take no longer"]
    p99_span_ns: Annotated[int, "ninety-nine in a hundred take no longer"]
    max_span_ns: Annotated[int, "the longest"]


class AlertView(NamedTuple):
    """An alert that was raised."""

    raised_ns: Annotated[int, "our own clock"]
    alert: Annotated[str, "its name"]
    text: Annotated[str, "what it says"]


class Health(NamedTuple):
    """What only the running process knows."""

    made_ns: Annotated[int, "our own clock when this was made"]
    began_ns: Annotated[int, "our own clock when the process began"]
    sequence: Annotated[Count, "rises with every snapshot of the process"]
    profile: Annotated[str, "the settings' profile"]
    venue: Annotated[str, "where it trades"]
    account: Annotated[str, "the account's name, no secret"]
    is_ready: Annotated[bool, "the start is over: everything resolved, read and explained"]
    is_opening: Annotated[bool, "entries may be made"]
    kept_back: Annotated[str, "what keeps entries back, with commas; empty: nothing"]
    is_journal_sound: Annotated[bool, "the journal is being written"]
    is_fenced: Annotated[bool, "another process has taken over; this one sends nothing"]
    is_in_lockstep: Annotated[bool, "kernel and reference have agreed on every step"]
    steps: Annotated[Count, "steps on which they were compared"]
    certificate: Annotated[str, "the tier of the certificate that the kernel was loaded under"]
    image_sha256: Annotated[str, "of the kernel image"]
    is_signed: Annotated[bool, "the certificate was signed by a trusted key"]
    entries: Told
    exits: Told
    gates: Annotated[tuple[GateView, ...], "entries that were held, the newest first"]
    streams: Annotated[tuple[StreamView, ...], "streams of the venue"]
    quotes: Annotated[tuple[QuoteView, ...], "newest quotes, by symbol"]
    latencies: Annotated[tuple[LatencyView, ...], "how long things take"]
    alerts: Annotated[tuple[AlertView, ...], "newest alerts, the newest first"]


class LiveSnapshot(NamedTuple):
    """What a running process publishes."""

    engine: Annotated[EngineSnapshot, "the engine, as its journal says"]
    health: Annotated[Health, "the process, as it knows itself"]


class FeatureView(NamedTuple):
    """What is known of a symbol besides its market, as the boost gate takes it."""

    symbol: Symbol
    boost_ppm: Annotated[int, "multiplies leverage"]
    told_ns: Annotated[int, "our own clock when it was told"]


ENGINE_SNAPSHOTS: Final = "engine_snapshots"
