"""Says of every step that froze capital or set it free what made the difference: as an alert, and on the step's row.

Frozen is no state of its own: it is a function of the last comparable wallet reading (clause L6), so it heals by
itself, and a look at the books before and after each step sees every change there is.
"""

import json
from typing import Final, final

from dita.adapters.journal import ACCOUNT_NOTES, Note
from dita.reference.ledger import frozen
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.lockstep import Stepped
from dita.spec.inputs import Input
from dita.spec.state import Account
from dita.spec.vocabulary import IncomeKind, Kind, Part

_FROZEN: Final = "capital frozen"
_FREE: Final = "capital free"


@final
class FreezeWatch:
    """An engine annotator."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts

    def notes(self, event: Input, stepped: Stepped) -> tuple[Note, ...]:
        """The note for the row of this step; none when nothing changed. Raises an alert with the same words."""
        if stepped.after.account is stepped.before.account:
            return ()
        now = _is_frozen(stepped.after.account)
        if now is _is_frozen(stepped.before.account):
            return ()
        account = stepped.after.account
        facts = {
            "cause": _cause(event),
            "difference": account.ledger.difference,
            "before": stepped.before.account.ledger.difference,
            "tolerance": account.tolerance,
            "provisional_fees": account.ledger.fees_provisional,
        }
        said = ", ".join(f"{name} {value}" for name, value in facts.items())
        self._alerts.raise_(Alert.CAPITAL_FROZEN if now else Alert.CAPITAL_FREE, f"{said} (1e-8 USDT)")
        return (Note(ACCOUNT_NOTES, _FROZEN if now else _FREE, json.dumps(facts)),)


def _is_frozen(account: Account) -> bool:
    return frozen(account.ledger, account.tolerance)


def _cause(event: Input) -> str:
    kind = Kind(event.kind)
    if kind is Kind.INCOME:
        return f"INCOME {IncomeKind(event.income_kind).name}"
    if kind is Kind.SETTLE:
        return f"SETTLE {Part(event.part).name} of trade {event.trade}"
    return f"{kind.name} of trade {event.trade}" if event.trade else kind.name
