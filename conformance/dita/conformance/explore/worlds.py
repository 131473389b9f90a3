"""The worlds that are searched in full, and in which tier. A tier is a size: each contains the one before it."""

from typing import Final, Literal

from dita.conformance.explore.system import Setting
from dita.spec.vocabulary import Side

Tier = Literal["quick", "ci", "full"]

HALVES: Final = (500_000, 1_000_000)  # two legs: half, then the rest

QUICK: Final = (
    Setting("two lots, reordered", lots=2),
    Setting("one lot, a loss", loss=1),
    Setting("one lot, a wrong absence", wrong=1),
    Setting("one lot, closed by another hand", external=1),
    Setting("one lot, the stream breaks", net=1, gap=1),
)

CI: Final = (
    Setting("one lot, a loss, a repeat", loss=1, dup=1),
    Setting("two lots, a loss", lots=2, loss=1),
    Setting("two trades", trades=2),
    Setting("one lot, a wrong absence, a loss, periodic snapshots", wrong=1, loss=1, periodic=True),
    Setting("one lot, the wallet is read", wallet=True),
    Setting("one lot, a crash", crash=1),
    Setting("one lot, absence reported early", eager=True),
    Setting("one lot, queries round", rounded=True),
    Setting("one lot, modes change", modes=True),
    Setting("one lot, the stream breaks, a repeat", gap=1, dup=1),
    Setting("two lots, ends without a quantity", lots=2, bare=True),
    Setting("one lot, look-ups take time, a loss", stepwise=True, loss=1),
    Setting("one lot, two cancels without effect", cancels=2),
    Setting("one lot, a wrong absence, a cancel without effect, periodic snapshots", wrong=1, cancels=1, periodic=True),
    Setting("two lots, two legs, a crash", lots=2, ratios=HALVES, crash=1),
    Setting("a second slot, one live", neighbour=1),
)

FULL: Final = (
    Setting("one lot, three frames, a repeat", net=3, dup=1),
    Setting("two lots, two legs", lots=2, ratios=HALVES, loss=1),
    Setting("two lots, a wrong absence, periodic snapshots", lots=2, wrong=1, periodic=True),
    Setting("two lots, a wrong absence, a loss, periodic snapshots", lots=2, wrong=1, loss=1, periodic=True),
    Setting("one lot, three frames, a wrong absence, periodic snapshots", net=3, wrong=1, periodic=True),
    Setting("one lot, two wrong absences, periodic snapshots", wrong=2, periodic=True),
    Setting("two trades, a wrong absence, adjusted", trades=2, wrong=1, periodic=True, adjusts=True),
    Setting("endless trades", trades=-1),
    Setting("three trades, four tails", trades=3, tails=4),
    Setting(
        "two lots, two legs, closed twice by another hand, a loss", lots=2, ratios=HALVES, external=2, loss=1, rows=True
    ),
    Setting("two trades, closed by another hand", trades=2, external=1, rows=True),
    Setting("one lot, two crashes, a loss, a repeat", crash=2, loss=1, dup=1),
    Setting("two lots, a crash, a loss", lots=2, crash=1, loss=1),
    Setting("two lots, a crash, a loss, a repeat", lots=2, crash=1, loss=1, dup=1),
    Setting("two lots, two legs, a crash, a loss", lots=2, ratios=HALVES, crash=1, loss=1),
    Setting("two lots, the stream breaks, a repeat", lots=2, gap=1, dup=1),
    Setting("one lot, the stream breaks, a crash, a loss", gap=1, crash=1, loss=1),
    Setting("two lots, ends without a quantity, a loss", lots=2, bare=True, loss=1),
    Setting("one lot, look-ups take time, a crash, a loss", stepwise=True, crash=1, loss=1),
    Setting("two lots, a cancel without effect, a loss", lots=2, cancels=1, loss=1),
    Setting("a second slot, both live, a loss", neighbour=1, slot_limit=2, loss=1),
    Setting("one lot, another hand adds one, adjusted", added=1, periodic=True, adjusts=True),
    Setting("one lot, the wallet is read, a crash, a loss", wallet=True, crash=1, loss=1),
    Setting("one lot short, a loss, queries round", side=Side.SHORT, loss=1, rounded=True),
    Setting("one lot, modes change, a loss", modes=True, loss=1),
    Setting("two lots, two legs, the wallet is read", lots=2, ratios=HALVES, wallet=True),
    Setting("one lot, the wallet is read, a wrong absence, periodic snapshots", wallet=True, wrong=1, periodic=True),
    Setting("one lot, a wrong absence and another hand, adjusted", wrong=1, external=1, periodic=True, adjusts=True),
    Setting(
        "one lot, lagging readings, a wrong absence, periodic snapshots",
        lagging=True,
        merged=False,
        wrong=1,
        periodic=True,
    ),
)


def worlds_of(tier: Tier) -> tuple[Setting, ...]:
    """The worlds of a tier."""
    return {"quick": QUICK, "ci": QUICK + CI, "full": QUICK + CI + FULL}[tier]
