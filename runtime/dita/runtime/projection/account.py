"""What this side told the kernel, and what moved the account."""

from collections.abc import Iterator
from typing import Final

from dita.reference.ledger import frozen
from dita.runtime.projection.names import Names
from dita.runtime.projection.steps import Step
from dita.spec.published.rows import AccountEvent, IntentEvent
from dita.spec.state import Account, capital
from dita.spec.vocabulary import Kind, Mode, Side

_OF_A_SLOT: Final = frozenset((Kind.ENTER, Kind.EXIT, Kind.FLATTEN, Kind.CANCEL, Kind.ADOPT, Kind.SETTLE_FORCED))
_INTENTS: Final = _OF_A_SLOT | {Kind.SET_MODE, Kind.SET_LIMITS, Kind.REGISTER, Kind.SEED, Kind.CALIBRATE}
_KINDS: Final = tuple(kind.name for kind in Kind)
_MODES: Final = tuple(mode.name for mode in Mode)
_SIDES: Final = tuple(side.name for side in Side)
_NO_SIDE: Final = Side.NONE.name


def intents(step: Step, names: Names) -> Iterator[IntentEvent]:
    """One for an input of our own; none for what the venue told."""
    event, outcome = step.event, step.outcome
    kind = event.kind
    if kind in _INTENTS:
        enters, opens = kind == Kind.ENTER, kind in (Kind.ENTER, Kind.ADOPT)
        yield IntentEvent(
            names.tag, step.position, 0, step.wall_ns, _KINDS[kind], names.symbol(step.instrument),
            event.slot if kind in _OF_A_SLOT else 0, event.trade if kind in _OF_A_SLOT else 0,
            _SIDES[event.side] if opens else _NO_SIDE, event.quantity if opens else 0,
            event.price if opens else 0, event.limit_price if enters or kind == Kind.EXIT else 0,
            event.legs if enters else 0, event.leg if kind == Kind.EXIT else 0,
            _MODES[event.mode if kind == Kind.SET_MODE else step.account.mode], names.verdict(outcome.verdict),
            names.code(outcome.code),
        )  # fmt: skip


def account_moves(step: Step, names: Names) -> Iterator[AccountEvent]:
    """One when books, mode or limits are not as before."""
    before, after = step.account_before, step.account
    if before is after:
        return
    if before.ledger == after.ledger and _settings(before) == _settings(after):
        return
    old, new = before.ledger, after.ledger
    yield AccountEvent(
        names.tag, step.position, 0, step.wall_ns, step.venue_ns, _KINDS[step.event.kind], step.trade,
        new.seed - old.seed, new.realised - old.realised, new.fees - old.fees, new.funding - old.funding,
        new.transfers - old.transfers, new.adjustments - old.adjustments, capital(new), new.fees_provisional,
        new.wallet_amount, new.difference, after.tolerance, after.exposure, after.live_slots, after.slot_limit,
        after.unreconciled, after.leverage_max_ppm, after.calibration_ppm, _MODES[after.mode],
        frozen(new, after.tolerance),
    )  # fmt: skip


def _settings(account: Account) -> tuple[int, ...]:
    return (
        account.mode, account.seeded, account.slot_limit, account.leverage_max_ppm, account.tolerance,
        account.calibration_ppm, account.unreconciled,
    )  # fmt: skip
