"""For every obligation the defect that refutes it: a patch under ``conformance/defects``, and where it shows.

``part`` is the part of the proof that notices first (an input kind, ``frame``, ``lift``, ``laws`` or ``arithmetic``),
so that showing one defect takes seconds. An obligation without a killer says nothing that a defect could break, and
fails the run.

Most defects are in the reference. What no change of it can refute has a defect where it is decided: the context of a
step follows from the whole-kernel invariants, some laws speak of records alone, and the initial state is declared
(``spec-``); that the paths are all and do not overlap is the executor's work, and a lemma of pure arithmetic can only
be stated wrongly (``prover-``).
"""

from typing import Final, NamedTuple


class Killer(NamedTuple):
    """A defect's name (its patch file without the suffix) and the part of the proof that shows it."""

    defect: str
    part: str


def by_part(**parts: dict[str, str]) -> dict[str, Killer]:
    """The table turned from part, obligation, defect. Raises ValueError for an obligation that is there twice."""
    found: dict[str, Killer] = {}
    for part, table in parts.items():
        for obligation, defect in table.items():
            if obligation in found:
                raise ValueError(f"`{obligation}` has a killer in `{found[obligation].part}` and in `{part}`; keep one")
            found[obligation] = Killer(defect, part)
    return found


KILLERS: Final[dict[str, Killer]] = by_part(
    SEED={
        "initial-state-sound": "spec-initial-slot-limit-zero",
        "seed-is-the-wallet": "reference-seeded-twice",
        "settings-change-by-their-kind": "proof-seed-activates",
    },
    SET_MODE={
        "paths-complete": "prover-refusals-are-no-paths",
        "paths-disjoint": "prover-last-decision-lost",
        "mode-is-obeyed": "proof-mode-only-downgrades",
    },
    SET_LIMITS={
        "account-typed": "proof-slot-limit-of-zero",
    },
    REGISTER={
        "instrument-typed": "proof-fee-rate-unchecked",
        "terms-fit": "proof-unfit-terms-taken",
        "registration-follows": "proof-terms-change-under-a-trade",
        "tails-in-registered": "proof-terms-change-under-a-trade",
    },
    INCOME={
        "ledger-typed": "proof-income-beyond-the-bound",
        "unseeded-blank": "proof-income-before-the-seed",
        "difference": "proof-income-not-compared",
        "income-is-signed": "reference-funding-sign",
    },
    WALLET={
        "money-moves-by-named-kinds": "proof-wallet-corrects-the-books",
    },
    POSITION={
        "unregistered-blank": "proof-unregistered-position-believed",
        "refused-is-identity": "proof-flag-called-a-refusal",
        "flagged-moves-nothing": "proof-unreconciled-counted-twice",
        "reconcile-is-cleared-by-position": "reference-stale-position-clears",
        "unreconciled-follows": "proof-reconcile-not-counted-down",
        "unreconciled-counted": "proof-reconcile-not-counted-down",
    },
    ENTER={
        "entry-within-mode": "reference-entry-while-halted",
        "entry-within-truth": "reference-frozen-capital-ignored",
        "entry-within-limits": "reference-leverage-ignored",
        "busy-refuses-enter": "proof-slot-busy-ignored",
    },
    ADOPT={
        "slot-typed": "proof-adopted-minimum-unbounded",
        "plan-typed": "proof-adopted-plan-has-ratios-behind",
        "live-identified": "proof-adopted-without-a-side",
        "exposure-covers-entry": "proof-exposure-of-the-order-only",
        "room-to-finish": "proof-adopted-without-room",
        "live-in-registered": "proof-terms-lost-when-taken",
        "whole-lots": "proof-odd-lots-adopted",
        "minimum-whole": "proof-adopted-minimum-unrounded",
        "new-trade-starts-blank": "proof-tails-lost-on-adoption",
        "adoption-is-founded": "reference-old-adoption-believed",
    },
    EXIT={
        "step-is-total": "proof-last-leg-looked-up",
        "calls-within-domain": "proof-limit-price-before-its-trade",
        "halted-only-flattens": "reference-exit-while-halted",
        "exit-needs-a-position": "reference-duplicate-exit-accepted",
    },
    CANCEL={
        "cancel-is-about-its-order": "proof-unresolved-order-cancelled",
    },
    SILENT={
        "silence-asks": "explore_silence_not_resolved",
    },
    FLATTEN={
        "a-close-names-its-trade": "proof-flatten-of-another-trade",
        "only-accepted-submits": "proof-exit-only-flagged",
        "only-enter-and-adopt-open": "proof-idle-taken-for-open",
        "submit-is-recorded": "proof-exit-side-reversed",
        "exits-reduce": "proof-exit-may-open",
        "attempts-only-rise": "reference-attempt-not-counted",
        "terms-are-fixed": "proof-flatten-shortens-the-plan",
        "nothing-blocks-a-close": "proof-flatten-refused-in-halted",
        "last-leg-closes-all": "proof-flatten-closes-a-leg",
    },
    ORDER={
        "orders-within-terms": "proof-overfill-believed",
        "shape-entry": "proof-full-fill-still-working",
        "shape-exit": "proof-full-fill-still-working",
        "entry-over": "proof-end-without-news-forgotten",
        "no-exit-unnumbered": "proof-order-told-by-phase",
        "entry-price-plausible": "proof-any-price-believed",
        "verdict-is-named": "proof-done-unchecked",
        "fills-only-grow": "reference-partial-fill-overwrites",
        "entry-is-joined": "reference-partial-fill-overwrites",
        "record-is-joined": "reference-partial-fill-overwrites",
        "exit-is-joined": "proof-better-exit-price-dropped",
        "equal-snapshot-answers": "proof-equal-snapshot-is-no-news",
        "late-fill-is-booked": "reference-late-fill-unreconciled",
        "open-past-order-is-cancelled": "proof-finished-by-an-open-order",
        "surprise-is-reconciled": "reference-late-fill-unreconciled",
        "stray-order-is-reported": "reference-stray-fill-unnoticed",
    },
    REJECTED={
        "idle-blank": "proof-freed-slot-keeps-its-words",
        "shape-open": "proof-rejected-exit-not-over",
        "tails-typed": "proof-tail-of-the-last-exit-only",
        "tails-newest-first": "proof-newest-tail-last",
        "new-trade-is-new": "explore_identifiers_roll_back",
        "legs-advance-by-done-exits": "proof-rejected-exit-consumes-its-leg",
        "seen-is-never-absent": "reference-rejection-of-a-seen-order",
        "contradiction-is-asked-again": "reference-rejection-of-a-seen-order",
        "nothing-is-sent-again": "proof-rejected-exit-sent-again",
        "rejected-exit-reopens": "proof-rejected-exit-consumes-its-leg",
        "rollback-is-exact": "reference-tails-lost-on-rollback",
        "finished-is-recorded": "reference-protection-left-behind",
        "tails-are-kept": "reference-ungraded-tail-forgotten",
        "live-slots-follow": "proof-live-slots-not-counted-down",
        "live-counted": "proof-live-slots-not-counted-down",
        "exposure-follows": "reference-rollback-keeps-exposure",
        "exposure-summed": "reference-rollback-keeps-exposure",
        "holder-follows": "proof-instrument-never-released",
        "holders-agree": "proof-instrument-never-released",
        "trades-follow": "explore_identifiers_roll_back",
        "trades-below-high-water": "explore_identifiers_roll_back",
        "trades-distinct": "explore_identifiers_roll_back",
    },
    UNKNOWN={
        "transitions-are-true": "reference-previous-phase-invented",
        "unresolved-asks": "reference-unknown-is-not-asked-for",
        "order-in-flight-ends-by-evidence": "reference-unknown-is-rejected",
        "past-trade-changes-nothing": "proof-unknown-of-another-trade",
    },
    NOT_FOUND={
        "unresolved-is-left-by-evidence": "reference-absence-without-proof",
    },
    EXTERNAL_CLOSE={
        "fills-have-money": "reference-free-fill-believed",
        "exits-within-entry": "reference-external-close-added",
        "fees-follow-record": "proof-fee-of-the-last-exit-only",
        "realised-follows-record": "reference-short-profit-sign",
        "freed-slot-owns-no-order": "explore_slot_freed_with_order_open",
        "times-only-rise": "reference-evidence-time-falls",
    },
    SETTLE={
        "other-rows-are-not-booked": "proof-other-quantity-settled",
        "orders-typed": "proof-fee-above-notional-believed",
        "tails-only-settle": "proof-other-quantity-settled",
        "settlement-is-taken": "reference-tail-not-graded",
    },
    SETTLE_FORCED={
        "books-follow-records": "reference-prediction-kept-after-settlement",
        "provisional-follows": "proof-settlement-stays-provisional",
        "provisional-summed": "proof-settlement-stays-provisional",
    },
    frame={
        "answer-is-placed": "proof-account-change-dropped",
        "refusal-keeps-the-state": "reference-refusal-copies-the-state",
        "others-untouched": "reference-other-slot-touched",
    },
    lift={
        "live-slots-include": "spec-more-slots-counted-than-live",
        "exposure-includes": "spec-exposure-below-the-sum",
        "provisional-includes": "spec-provisional-below-the-sum",
        "unreconciled-includes": "spec-unreconciled-below-the-sum",
        "holder-is-the-slot": "spec-holder-without-a-trade",
        "high-water-covers": "spec-tails-above-the-high-water",
        "tails-are-registered": "spec-older-tails-in-unregistered",
    },
    laws={
        "rejected-entry-rolls-back": "reference-rollback-keeps-exposure",
        "rollbacks-add-up": "spec-rollback-spends-any-number",
        "absent-entry-rolls-back": "reference-rollback-keeps-exposure",
        "join-is-idempotent": "spec-join-adds-up",
        "join-is-commutative": "spec-join-takes-the-later",
        "join-is-associative": "spec-join-goes-in-circles",
        "settlements-commute": "spec-settled-fees-free",
        "entry-end-is-reported": "proof-end-without-fill-refused",
        "exit-end-is-reported": "proof-end-without-fill-refused",
        "flatten-is-a-full-exit": "proof-flatten-closes-a-leg",
        "full-fill-finishes": "proof-full-fill-still-working",
        "stop-is-one-input-away": "proof-mode-only-downgrades",
    },
    arithmetic={
        "whole-numbers-step": "prover-zero-is-no-number",
        "product-order": "prover-product-of-negatives",
        "exact-quotient": "prover-quotient-by-zero",
        "half-even-nearest": "proof-rounded-the-wrong-way",
        "half-even-unique": "proof-rounded-the-wrong-way",
        "half-even-in-range": "proof-rounded-the-wrong-way",
        "half-even-monotone": "proof-rounded-the-wrong-way",
        "contract-notional": "proof-notional-below-zero",
        "contract-cost_share": "proof-last-leg-costs-nothing",
        "contract-predicted_fee": "proof-fee-rate-unit",
        "contract-calibrated_rate": "proof-calibration-added",
        "contract-is_multiple": "proof-zero-is-no-multiple",
        "contract-minimum_quantity": "proof-minimum-of-nothing",
        "contract-leg_quantity": "reference-exits-not-clamped",
        "contract-price_plausible": "proof-price-divided",
        "contract-within_leverage": "proof-debt-is-capital",
        "contract-fits_scales": "proof-scales-divided-in-reverse",
        "same-is_predicted_fee": "proof-fee-rate-unit",
        "same-is_cost_share": "proof-last-leg-costs-nothing",
        "same-is_whole": "proof-zero-is-no-multiple",
        "same-are_terms_exact": "proof-scales-divided-in-reverse",
        "same-is_leverage_kept": "proof-debt-is-capital",
        "same-is_plausible": "proof-price-divided",
        "sum-of-multiples": "proof-zero-is-no-multiple",
        "cost-share-ends": "proof-last-leg-costs-nothing",
        "cost-share-monotone": "proof-last-leg-costs-nothing",
        "legs-telescope": "proof-last-leg-costs-nothing",
    },
)
