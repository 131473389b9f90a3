"""The numbered clauses: what must hold, and the hole that each one closes. Code and tests cite them by ID.

An ID is permanent. ``CLAUSES`` is in reading order. Where a clause was changed by a finding of the explorer or of a
proof, its ``why`` says so.
"""

from typing import Final, NamedTuple


class Clause(NamedTuple):
    """One rule: its ID, what must hold, and why it is so and not simpler."""

    id: str
    rule: str
    why: str


CLAUSES: Final = (
    # --- numbers ---
    Clause("N1", "Prices are integers of 1e-10, quantities of 1e-8 coins, money of 1e-8 USDT, times UTC nanoseconds, ratios ppm, fee rates ppb.", "No NaN, no naive time and no text to truncate can exist behind the boundary."),
    Clause("N2", "A stored amount is at most 2^60 in magnitude; an input that would exceed it is refused with OVERFLOW.", "A sum of eight stored amounts then cannot wrap 64 bits, so wrapping operators are exact."),
    Clause("N3", "Every record is a sequence of signed 64-bit little-endian words without padding; both languages derive the same layout text.", "A stale or foreign binary corrupted data silently."),
    Clause("N4", "Every product and division of two variables is one named function; the only rounding is half-even there.", "Proofs and the machine-code comparison treat the arithmetic by name."),
    Clause("N5", "An instrument is registered only if lot * tick is a whole number of money units and its largest order's notional fits the bound.", "Every fill's notional is then exact, and rounding exists only in fees and cost shares."),
    # --- vocabulary and identity ---
    Clause("V1", "Enumerations start at 0 without gaps; 0 is the empty or harmless member.", "An all-zero record is canonical."),
    Clause("V2", "A number once given to a name is never given to another.", "Journals outlive binaries."),
    Clause("I1", "An order is (trade, slot, attempt) and maps both ways to a client order id that carries the journal's tag.", "An order found on the exchange after a crash can be attributed; two journals can never collide."),
    Clause("I2", "trade_high_water and, within a trade, attempt only rise; rollback does not take them back.", "A reused id would meet DUPLICATE_ID at best and a late order's fills at worst."),
    Clause("I3", "ENTER and ADOPT with a trade at or below the high water are refused STALE_ID.", "A repeated or replayed ENTER is harmless."),
    # --- shape of a step ---
    Clause("S1", "A step touches the account, the one instrument and the one slot that the input names, and nothing else.", "Frame by construction: other slots are byte-identical."),
    Clause("S2", "An idle slot is all zero but for its tails; an empty tail is all zero but graded.", "One representation for one meaning keeps proofs and searches small."),
    Clause("S3", "Rollback leaves the slot and the ledger exactly as before ENTER; only trade_high_water differs.", "A failed submit stranded the slot until a restart."),
    Clause("R1", "A verdict is REFUSED (state untouched, no command), FLAGGED (slots and ledger untouched; only reconcile-required and its evidence time may rise; commands are CANCEL, RESOLVE, RECONCILE) or ACCEPTED.", "With two verdicts `refused leaves the state untouched` contradicts `late news asks for a reconcile`."),
    Clause("R2", "A refusal returns the very same state object.", "A refused input cannot be half applied."),
    Clause("R3", "step is total: every bit pattern of input has one named answer under the state invariant.", "One exception inside the loop left slots unrecoverable."),
    Clause("R4", "Guards run in one order for all kinds: BAD_KIND, BAD_INDEX, values, identity, phase, then the kind's own.", "Both implementations answer with the same code."),
    Clause("C1", "An outcome names at most one order; SUBMIT, CANCEL and RESOLVE all speak of it.", "No command can be attributed to the wrong order."),
    Clause("C2", "An exit order is always reduce-only.", "An exit larger than what remains could flip the position."),
    Clause("C3", "Only an ACCEPTED outcome submits.", "The venue was called although the kernel had refused."),
    Clause("C4", "Finishing a trade commands CANCEL_PROTECTION.", "A protective stop outlives its trade and hits the next one."),
    Clause("P1", "A slot is in exactly one of eight phases; a transition reports its true previous phase.", "The audit record said `from POSITION_OPEN` whatever had been true."),
    Clause("P2", "Every (phase, kind) pair has a named result; the matrix is generated from the reference.", "Undefined pairs were left to defaults."),
    # --- opening ---
    Clause("G1", "ENTER into a slot that is not idle is refused SLOT_BUSY.", "Two trades in one slot lose one of them."),
    Clause("G2", "ENTER before SEED is refused NOT_SEEDED.", "Capital was seeded from a constant."),
    Clause("G3", "ENTER is refused in REDUCE_ONLY and HALTED.", "See M1."),
    Clause("G4", "ENTER is refused while capital is frozen.", "See L6."),
    Clause("G5", "ENTER is refused while any instrument requires a reconcile.", "Unexplained exposure anywhere is risk on the same margin."),
    Clause("G6", "ENTER and ADOPT need a fully graded tail in the slot (UNSETTLED_TRADE).", "See F3."),
    Clause("G7", "ENTER is refused SLOT_LIMIT when as many slots are live as the limit allows.", "The limit was stored and never enforced."),
    Clause("G8", "At most one live slot per instrument (INSTRUMENT_BUSY).", "The venue nets positions per instrument and side."),
    Clause("G9", "The sum of max(entry notional, ordered notional) over live slots plus the new one is at most capital times leverage (LEVERAGE).", "Leverage is a property of the account, not of a trade."),
    # --- order truth ---
    Clause("O1", "What is known of an order is (quantity, grade, quote, fee, done); merging is the lexicographic maximum of the first four and the disjunction of the last.", "It is a semilattice, so duplicates and reordering are harmless. `More filled wins, else settled, else first kept` does not commute."),
    Clause("O2", "A snapshot is impossible by its own fields and the order's immutable terms only: negative, above the ordered quantity, not whole lots, quote without quantity or the reverse, out of bounds. It is FLAGGED IMPOSSIBLE with RECONCILE.", "If validity depended on the merged value, refusing would not commute."),
    Clause("O3", "An entry's average price outside a quarter to four times the reference is impossible. Exits are not judged by it.", "It catches unit errors. An exit's reference would be the entry's, and a coin may well fall by more than three quarters while held: a true close must never be refused."),
    Clause("O4", "The entry order and the latest exit order of the live trade stay addressable after they are done.", "Their late growth can be attributed with certainty."),
    Clause("O5", "Growth of a finished entry is booked: ACCEPTED LATE_FILL, reconcile-required, RECONCILE; if the venue still calls it open it is cancelled.", "The DELETE echo may predate a racing fill."),
    Clause("O6", "News of the latest exit after it was believed over is booked likewise; if the venue still calls it open it is cancelled, also when the trade finishes by it or it would close too much.", "A wrong NOT_FOUND leaves an order on the book. A finding of the proof: a late fill that closed the rest finished the trade, and what was left of its order rested on the book without an owner."),
    Clause("O7", "Contradictory evidence about the order in flight (done below the known quantity, rejected after it was seen) moves the slot to *_UNRESOLVED and commands RESOLVE.", "Believing it would free a slot that owns a position."),
    Clause("O8", "An order whose quantity equals what was ordered is done. A valid snapshot at or below what is known is refused NO_CHANGE.", "A stale frame is not evidence of anything; flagging it starts a reconcile storm at every reconnect."),
    Clause("O9", "In *_UNRESOLVED an open snapshot equal to what is known moves to *_WORKING.", "It answers the question that was asked."),
    # --- unknown ---
    Clause("U1", "A submit whose fate is unknown puts the slot in *_UNRESOLVED with RESOLVE; only a snapshot, a definite rejection of a never-seen order, or NOT_FOUND with full evidence leaves it.", "A time-out was treated as a rejection although the order rested on the book."),
    Clause("U2", "Evidence of existence outranks any answer to the submit.", "Late replies contradict the stream."),
    Clause("U3", "SILENT in *_REQUESTED moves to *_UNRESOLVED, in *_WORKING and *_UNRESOLVED it commands RESOLVE.", "It is the fairness hook when a RESOLVE is lost; a quiet resting limit is normal."),
    Clause("U4", "NOT_FOUND is believed only when the order was never seen, every check was made, and the venue's own time passed the deadline plus a margin; even then a reconcile is required.", "A request may queue behind the gateway; replicas lag."),
    Clause("U5", "A rejected or absent exit is never resubmitted in the same step; a pending flatten stays pending.", "It would loop without pause while the position is gone."),
    # --- closing ---
    Clause("X1", "FLATTEN closes everything in any mode; behind an order in flight it pends, and cancels the order once it is known to rest.", "A kill switch must not strand the position it is meant to close."),
    Clause("X2", "EXIT while the entry works is accepted as deferred: cancel, then close what filled.", "`Nothing blocks an exit`."),
    Clause("X3", "A pending flatten is cleared by a SUBMIT for everything or by IDLE.", "It must act once, not for ever."),
    Clause("X4", "CANCEL commands CANCEL for a working order and RESOLVE for an unresolved one; it keeps what filled.", "A cancel that meets `no such order` proves nothing while the submit may be in flight."),
    Clause("X5", "A rejected exit returns to POSITION_OPEN with its leg unconsumed; NO_POSITION and BLOCKED also require a reconcile.", "The position may be gone, or another order may hold it."),
    Clause("X6", "EXIT names the leg it believes is next; another is refused WRONG_LEG. EXIT, CANCEL and FLATTEN name the trade (FLATTEN may say 0).", "A duplicate or queued EXIT closed a second leg or the wrong trade."),
    Clause("E1", "What remains is entry quantity minus all that left: past exits, the latest exit, external closes.", "Exits are sized from it, never from the policy's idea."),
    Clause("E2", "The kernel owns the leg index; the plan has 1 to 8 ratios of what then remains; the last leg takes everything.", "ratio[0] was used for every leg."),
    Clause("E3", "A leg is consumed when its order is done with a fill, or was for everything.", "A leg that did nothing is still to be done."),
    Clause("E4", "The minimum of a trade is the larger of the venue's minimum quantity and twice its minimum notional at the reference price, in whole lots, fixed at ENTER; ENTER below it is refused.", "What is opened can be closed again, even after the price has halved."),
    Clause("E5", "A leg's quantity is whole lots, positive, at most what remains, and leaves either nothing or at least the minimum; only an order for everything may be below the minimum, and says CLOSE_ALL.", "Dust stayed on the exchange, zero in the kernel."),
    Clause("E6", "All exits together never exceed the entry; a snapshot that would is FLAGGED OVER_CLOSE and nothing is booked.", "Double close."),
    # --- late truth ---
    Clause("T1", "A snapshot of an order that is not addressable: open means CANCEL; more than its record shows means reconcile-required and RECONCILE; neither means refused.", "A late order that rests is an orphan order; one that filled is an orphan position."),
    Clause("T2", "Unexplained exposure sets its instrument's reconcile-required and evidence time; only a matching position snapshot at least as new clears it.", "A snapshot read before the evidence must not clear it."),
    Clause("T3", "ADOPT takes a position the kernel cannot explain into an idle slot as a one-leg trade; no mode or limit refuses it.", "The exposure exists already; it must get an identity under which it can be closed."),
    Clause("T4", "EXTERNAL_CLOSE is the snapshot of one virtual exit order per trade; a slot that owns an order is freed only by that order's end.", "Liquidation, a close by hand, late exits: without it 1,413 states of the model are stranded."),
    Clause("T5", "A position matches when the trade's side lies in the band the order in flight allows, the other side is zero and there are no foreign orders; only an exact match with no order in flight clears.", "A partial fill in flight is not a mismatch."),
    Clause("T6", "POSITION or ADOPT older than the newest evidence or booked fill of its instrument is refused STALE_SNAPSHOT.", "It may not include what is already known. ADOPT was added by a finding of the explorer: whoever adopts from a reading that the kernel refused as stale makes a phantom trade of a position that is already closed."),
    # --- settlement and books ---
    Clause("F1", "A trade settles in two parts, entry and exit, each once per final quantity; entry once its order is done, exit once the trade is finished. The rows' price is not judged.", "Settlement per order needs unboundedly many orders. Settled figures are exact sums of the venue's own fill rows and outrank the provisional ones, which come from rounded averages: a bound taken from what is outranked, or from the entry, would refuse a true close after a fall, and an unsettled tail blocks the slot. Rows that are wrong show as a wallet difference (L6) and INCOME(ADJUSTMENT) rights the books; rows that never come are ended by SETTLE_FORCED (F3)."),
    Clause("F2", "A trade finishes when nothing remains and no order is in flight; its record becomes the newest tail, and the oldest graded tail makes room.", "A stray event re-activated a closed slot."),
    Clause("F3", "A live trade implies a fully graded tail, so finishing always has room. SETTLE_FORCED is the way out.", "One tail either forbids the next trade or makes one unfinishable; a shift at ENTER would break exact rollback."),
    Clause("F4", "Settled rows of another quantity are FLAGGED SETTLE_MISMATCH; more than booked also requires a reconcile.", "They report fills the kernel does not know."),
    Clause("L1", "capital = seed + realised - fees + funding + transfers + adjustments, exactly, at every step.", "Capital moved by something else than profit."),
    Clause("L2", "Profit and booked fee are functions of the bounded record; the ledger moves by the difference when the record changes.", "Settlement in any order ends in the same books."),
    Clause("L3", "The cost of a closed part is half_even(cost * part / whole), exact at 0 and at the whole; profit is taken by branch on the side.", "Legs telescope to the entry cost exactly."),
    Clause("L4", "Income is cumulative per kind (rows, total), positive is received; merging is the lexicographic maximum.", "Deltas are booked twice under at-least-once delivery; funding lost its sign."),
    Clause("L5", "WALLET is comparable when it is at least as new as the newest booked money effect; the difference then follows capital until newer money is booked.", "A reading that races a fill differs by the trade's whole profit."),
    Clause("L6", "Capital is frozen while |difference| exceeds tolerance plus provisional fees; it is recomputed and never sticky; it refuses ENTER only.", "A frozen state that needs a restart is not self-healing."),
    Clause("L7", "The fee rate is fixed at ENTER (maker if post-only) times the calibration; the booked fee is predicted until graded.", "`Predicted, then replaced once` must be a function of the record."),
    Clause("M1", "REDUCE_ONLY refuses ENTER; HALTED refuses ENTER and EXIT; no mode refuses FLATTEN, CANCEL or the truth. In HALTED a SUBMIT appears only for a flatten.", "A kill switch stranded the position."),
    # --- certificate ---
    Clause("K1", "Only the loader makes a clearance, and only for the very bytes it mapped, after their certificate held.", "A stale binary was loaded without any check."),
    Clause("K2", "A clearance can be narrowed to reduce-only and never widened. Whoever sends orders demands one; closing needs none.", "A refused certificate must never keep anybody from getting flat."),
    Clause("K3", "The certificate's subject is the SHA-256 of the image; its predicate names everything the evidence depends on.", "Fixes existed only in the running copy."),
    Clause("K4", "No required layer is missing, empty or failed, and counts are those of the evidence files.", "A skipped check looked like a passed one."),
    Clause("K5", "A certificate does not expire by clock; it ends when anything it names changes.", "An engine must not stop trading at midnight, nor go on with another binary."),
    Clause("K6", "A certificate's signature is checked where there is one; the live venue gets orders that add exposure only under one by a trusted key.", "Whoever could write a file could have certified a binary."),
)  # fmt: skip

BY_ID: Final = {clause.id: clause for clause in CLAUSES}
