"""What happened, as rows: one named tuple a family, each derived from the journal alone.

A row is known by (journal tag, journal position, ordinal): the journal's row that it comes from, and its place among
the rows of its family that come from there. So rows may be made anew at any time, and are the same. ``symbol`` is ""
where no instrument is concerned, ``trade`` 0 where no trade is. Sums of ``fill_events`` are the kernel's own books.
"""

from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from dita.spec.decisions import Check, Reason
from dita.spec.published.fields import Count, Names
from dita.spec.vocabulary import Code, Kind, Mode, OrderSide, Part, Phase, RejectReason, Side, Verdict

JournalTag = Annotated[str, "begins every client order id of the journal, and names it"]
Position = Annotated[Count, "row of the journal that this comes from"]
Ordinal = Annotated[Count, "place among the rows of this family that come from there, from 0"]
WallNs = Annotated[int, "our own clock when the journal's row was written"]
VenueNs = Annotated[int, "the venue's time of it, or a reading's as-of; 0: none was told"]
Symbol = Annotated[str, "the contract"]
Trade = Annotated[Count, "the kernel's number of the trade"]
Slot = Annotated[Count, "the kernel's slot, from 0"]
PositionSide = Annotated[str, Names(Side), "direction of the position"]
VerdictName = Annotated[str, Names(Verdict), "what the kernel made of the input"]
CodeName = Annotated[str, Names(Code), "why the kernel answered as it did"]


class Decided(StrEnum):
    """What came of a decision of a policy."""

    OPEN = "open"  # an entry that the kernel took
    CLOSE = "close"  # an exit, asked for; exits pass no gate
    HELD = "held"  # entries that were not made
    UNREADABLE = "unreadable"  # a note that another version wrote; its text is in ``facts``


class DecisionEvent(NamedTuple):
    """A decision of a policy and what came of it; held ones that repeat are one row with their number."""

    journal_tag: JournalTag
    journal_position: Position
    ordinal: Ordinal
    wall_ns: WallNs
    decided_ns: Annotated[int, "our own clock at the decision; of a held one that repeats, the newest"]
    decided: Annotated[str, Names(Decided), "what came of it"]
    symbol: Symbol
    trade: Trade
    side: PositionSide
    check: Annotated[str, Names(Check), "who held it; NONE: nobody"]
    reason: Annotated[str, Names(Reason), "why it was held"]
    decisions: Annotated[Count, "how many decisions this row stands for"]
    quantity_e8_coins: Annotated[int, "what was asked for; 0 where nothing was"]
    price_e10_usdt: Annotated[int, "the quote that it was decided on; 0: none was seen"]
    why: Annotated[str, "what the policy said: foreign text"]
    facts: Annotated[str, "every number that it was decided on, JSON"]


class IntentEvent(NamedTuple):
    """Something that this side told the kernel to do: trades, limits, modes, contracts."""

    journal_tag: JournalTag
    journal_position: Position
    ordinal: Ordinal
    wall_ns: WallNs
    intent: Annotated[str, Names(Kind), "the kind of input"]
    symbol: Symbol
    slot: Slot
    trade: Trade
    side: PositionSide
    quantity_e8_coins: Annotated[int, "wanted (ENTER) or found at the venue (ADOPT)"]
    price_e10_usdt: Annotated[int, "the reference price"]
    limit_price_e10_usdt: Annotated[int, "the limit; 0: market"]
    legs: Annotated[Count, "legs of the exit plan (ENTER)"]
    leg: Annotated[Count, "the leg that was believed to be next (EXIT)"]
    mode: Annotated[str, Names(Mode), "the mode that was asked for (SET_MODE), or that of then"]
    verdict: VerdictName
    code: CodeName


class OrderStep(StrEnum):
    """What happened to an order."""

    SUBMIT = "commanded to be sent"
    CANCEL = "commanded to be cancelled"
    RESOLVE = "commanded to be looked up"
    SNAPSHOT = "the venue told its state"
    REJECTED = "surely did not reach the book"
    UNKNOWN = "nobody knows whether it arrived"
    NOT_FOUND = "accepted as absent"
    SILENT = "not heard of for too long"


class OrderEvent(NamedTuple):
    """Something that happened to one order of ours, or was commanded about it."""

    journal_tag: JournalTag
    journal_position: Position
    ordinal: Ordinal
    wall_ns: WallNs
    venue_ns: VenueNs
    step: Annotated[str, Names(OrderStep), "what happened"]
    client_order_id: Annotated[str, "its name at the venue; spare names are not told by the journal"]
    symbol: Symbol
    slot: Slot
    trade: Trade
    attempt: Annotated[Count, "0: the entry order; n: the n-th exit order"]
    side: Annotated[str, Names(OrderSide), "direction of the order"]
    ordered_e8_coins: Annotated[int, "what it is for"]
    filled_e8_coins: Annotated[int, "cumulative fill that was told (SNAPSHOT)"]
    filled_quote_e8_usdt: Annotated[int, "cumulative notional that was told (SNAPSHOT)"]
    limit_price_e10_usdt: Annotated[int, "its limit (SUBMIT); 0: market"]
    send_by_ns: Annotated[int, "the venue's time after which it may not be written (SUBMIT)"]
    is_done: Annotated[bool, "it was told to be over (SNAPSHOT)"]
    is_post_only: Annotated[bool, "it must not take (SUBMIT)"]
    is_reduce_only: Annotated[bool, "it only closes (SUBMIT)"]
    is_for_everything: Annotated[bool, "it is for all that remains (SUBMIT)"]
    reject_reason: Annotated[str, Names(RejectReason, also=("",)), "why (REJECTED)"]
    verdict: VerdictName
    code: CodeName


class FillBy(StrEnum):
    """What moved the record of a trade's fills."""

    ORDER = "an order of ours filled"
    ADOPTED = "a position found at the venue"
    OUTSIDE = "closed by somebody else"
    SETTLED = "the venue's own fill rows, or an operator, settled it"


class FillEvent(NamedTuple):
    """What one step added to a trade's fills: its own figures, never cumulative. A settlement may take away."""

    journal_tag: JournalTag
    journal_position: Position
    ordinal: Ordinal
    wall_ns: WallNs
    venue_ns: VenueNs
    by: Annotated[str, Names(FillBy), "what moved it"]
    part: Annotated[str, Names(Part), "which half of the trade"]
    symbol: Symbol
    slot: Slot
    trade: Trade
    attempt: Annotated[Count, "the order that filled; 0: the entry order, or none"]
    side: Annotated[str, Names(OrderSide), "bought or sold"]
    quantity_e8_coins: Annotated[int, "quantity added"]
    quote_e8_usdt: Annotated[int, "notional added"]
    price_e10_usdt: Annotated[int, "of what was added, rounded down; 0: quantity or notional was not positive"]
    fee_e8_usdt: Annotated[int, "fee added to the books, positive is paid: predicted, until settled"]
    realised_e8_usdt: Annotated[int, "profit before fees added to the books"]
    reference_price_e10_usdt: Annotated[int, "the quote that it was decided on, or the order's limit; 0: none known"]
    slippage_e8_usdt: Annotated[int, "what it cost against the reference price, positive is worse; 0: none known"]
    is_settled: Annotated[bool, "quantity, notional and fee of this half are the venue's own rows"]


class TradeStep(StrEnum):
    """What happened to a trade."""

    REQUESTED = "asked for"
    ADOPTED = "found at the venue"
    MOVED = "another phase"
    ROLLED_BACK = "came to nothing"
    FINISHED = "nothing remains"
    SETTLED = "one half settled"


class TradeEvent(NamedTuple):
    """Something that happened to a trade, and its books after it: cumulative figures, the newest row says all."""

    journal_tag: JournalTag
    journal_position: Position
    ordinal: Ordinal
    wall_ns: WallNs
    step: Annotated[str, Names(TradeStep), "what happened"]
    symbol: Symbol
    slot: Slot
    trade: Trade
    side: PositionSide
    from_phase: Annotated[str, Names(Phase), "the phase before"]
    to_phase: Annotated[str, Names(Phase), "the phase after"]
    reference_price_e10_usdt: Annotated[int, "the quote that it was entered on"]
    began_ns: Annotated[int, "our own clock when it was asked for or found"]
    held_span_ns: Annotated[int, "from then to this row"]
    entry_e8_coins: Annotated[int, "bought or sold to open"]
    entry_quote_e8_usdt: Annotated[int, "for so much"]
    exit_e8_coins: Annotated[int, "closed, by whatever way"]
    exit_quote_e8_usdt: Annotated[int, "for so much"]
    exit_orders: Annotated[Count, "exit orders so far"]
    realised_e8_usdt: Annotated[int, "profit before fees"]
    fee_e8_usdt: Annotated[int, "fees as booked, positive is paid"]
    predicted_fee_e8_usdt: Annotated[int, "the part of them that the venue has not settled"]
    is_settled: Annotated[bool, "both halves are the venue's own rows"]
    code: CodeName


class LegBy(StrEnum):
    """How a leg was closed."""

    ORDER = "an exit order that is over"
    OUTSIDE = "somebody else"
    LATE = "an exit order filled on after it was believed over"


class TradeExitLeg(NamedTuple):
    """One leg of a trade's exit: what it closed by itself, never cumulative. The legs add up to the trade's exit."""

    journal_tag: JournalTag
    journal_position: Position
    ordinal: Ordinal
    wall_ns: WallNs
    by: Annotated[str, Names(LegBy), "how"]
    symbol: Symbol
    slot: Slot
    trade: Trade
    side: PositionSide
    leg: Annotated[Count, "the leg of the plan that it was sent for, from 0"]
    attempt: Annotated[Count, "the exit order; 0: none of ours"]
    ordered_e8_coins: Annotated[int, "what the order was for; 0: no order of ours"]
    quantity_e8_coins: Annotated[int, "what it closed"]
    quote_e8_usdt: Annotated[int, "for so much"]
    price_e10_usdt: Annotated[int, "on average, rounded down"]
    realised_e8_usdt: Annotated[int, "profit before fees that it added to the books"]
    fee_e8_usdt: Annotated[int, "fee that it added to the books, predicted: exits settle together"]
    began_ns: Annotated[int, "our own clock when its order was commanded"]
    lasted_span_ns: Annotated[int, "from then to this row"]


class AccountEvent(NamedTuple):
    """A step that moved the books, the mode or a limit: what it added to each, and the account after it."""

    journal_tag: JournalTag
    journal_position: Position
    ordinal: Ordinal
    wall_ns: WallNs
    venue_ns: VenueNs
    cause: Annotated[str, Names(Kind), "the kind of input that did it"]
    trade: Trade
    seed_e8_usdt: Annotated[int, "added: the seed"]
    realised_e8_usdt: Annotated[int, "added: profit before fees"]
    fee_e8_usdt: Annotated[int, "added: fees, positive is paid"]
    funding_e8_usdt: Annotated[int, "added: funding, positive is received"]
    transfer_e8_usdt: Annotated[int, "added: transfers, positive is received"]
    adjustment_e8_usdt: Annotated[int, "added: adjustments, positive is received"]
    capital_e8_usdt: Annotated[int, "after: seed, profit, fees, funding, transfers and adjustments together"]
    predicted_fee_e8_usdt: Annotated[int, "after: the part of the fees that the venue has not settled"]
    wallet_e8_usdt: Annotated[int, "after: the newest wallet reading"]
    difference_e8_usdt: Annotated[int, "after: wallet minus capital at the newest comparable reading"]
    tolerance_e8_usdt: Annotated[int, "after: how large a difference is no matter"]
    exposure_e8_usdt: Annotated[int, "after: notional of live trades"]
    live_slots: Annotated[Count, "after: trades that are live"]
    slot_limit: Annotated[Count, "after: most trades that may be live"]
    unreconciled: Annotated[Count, "after: instruments that require a reconcile"]
    leverage_max_ppm: Annotated[int, "after: largest leverage of all trades together"]
    calibration_ppm: Annotated[int, "after: settled fee over model fee"]
    mode: Annotated[str, Names(Mode), "after: the trading mode"]
    is_frozen: Annotated[bool, "after: wallet and books differ by more than is explained, nothing is opened"]


Row = DecisionEvent | IntentEvent | OrderEvent | FillEvent | TradeEvent | TradeExitLeg | AccountEvent

ROWS: Final[dict[str, type[Row]]] = {
    "decision_events": DecisionEvent,
    "intent_events": IntentEvent,
    "order_events": OrderEvent,
    "fill_events": FillEvent,
    "trade_events": TradeEvent,
    "trade_exit_legs": TradeExitLeg,
    "account_events": AccountEvent,
}
"""Every family of rows but the engine's own snapshots, by the name of its table."""
