"""What one input may touch: the account, one instrument, one slot. Other slots are out of reach by construction.

Clause S1 (frame): ``step`` selects by ``input.slot`` and ``input.instrument``, and puts back what a handler returns.
"""

from dita.spec.outcome import Outcome, refused
from dita.spec.scales import BOUND, TIME_MAX_NS
from dita.spec.state import Focus
from dita.spec.vocabulary import Code, Reconcile, Verdict

Answer = tuple[Focus, Outcome]


class Refused(Exception):
    """The one early exit: the input is refused and the state object stays the same (clause R2)."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.outcome = refused(code)


def require(condition: bool, code: Code) -> None:
    """Refuse with ``code`` unless the condition holds."""
    if not condition:
        raise Refused(code)


def in_range(value: int, low: int, high: int) -> bool:
    """Whether low <= value <= high."""
    return low <= value and value <= high


def money(value: int) -> int:
    """Gate for every stored amount: beyond the bound the input is refused with OVERFLOW (clause N2)."""
    require(in_range(value, -BOUND, BOUND), Code.OVERFLOW)
    return value


def require_time(time_ns: int) -> None:
    """A time that the kernel will store or compare must be a plausible UTC nanosecond."""
    require(in_range(time_ns, 0, TIME_MAX_NS), Code.BAD_VALUE)


def flagged(
    focus: Focus,
    code: Code,
    *,
    trade: int = 0,
    attempt: int = 0,
    cancel: int = 0,
    resolve: int = 0,
    reconcile: int = 0,
) -> Answer:
    """Nothing moves, but the runtime is told to look."""
    return focus, Outcome(
        Verdict.FLAGGED, code, trade=trade, attempt=attempt, cancel=cancel, resolve=resolve, reconcile=reconcile
    )


def with_evidence(focus: Focus, time_ns: int) -> Focus:
    """Clause T2: unexplained exposure in this instrument; only a matching, newer position snapshot clears it."""
    instrument = focus.instrument
    account = focus.account
    if instrument.reconcile_required == 0:
        account = account._replace(unreconciled=account.unreconciled + 1)
    instrument = instrument._replace(reconcile_required=1, evidence_time_ns=max(instrument.evidence_time_ns, time_ns))
    return Focus(account, instrument, focus.slot)


def flagged_evidence(
    focus: Focus, code: Code, time_ns: int, *, trade: int = 0, attempt: int = 0, cancel: int = 0
) -> Answer:
    """Flag, and require a reconcile of the instrument before the next ENTER."""
    return flagged(
        with_evidence(focus, time_ns),
        code,
        trade=trade,
        attempt=attempt,
        cancel=cancel,
        reconcile=Reconcile.POSITION,
    )
