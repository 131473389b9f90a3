"""Money that moves outside trades, as cumulative totals of a grow-only set of income rows (clause L4).

A row is known by transaction, symbol and type, so reading it twice changes nothing. What trades earn and cost is in the
kernel's own books. Rows older than anything that will be read again can be folded into the totals, which bounds memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dita.adapters.logic.arithmetic import money_of_e18
from dita.adapters.logic.rows import E18_PER_MONEY_UNIT, IncomeRow
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.vocabulary import IncomeKind

FUNDING_TYPES: Final = frozenset({"FUNDING_FEE"})
TRANSFER_TYPES: Final = frozenset({"TRANSFER", "TRIAL_FUND", "SYSTEM_DEDUCTION", "GTD_PRICE"})
# Booked by the kernel as part of a trade: its profit, its fees, and its end by force (EXTERNAL_CLOSE).
TRADE_TYPES: Final = frozenset({"REALIZED_PNL", "TRADING_FEE", "INSURANCE_CLEAR", "ADL"})


class IncomeError(ValueError):
    """Two rows of one identity disagree; the message names the transaction."""


class IncomeTotal(NamedTuple):
    """All rows of one kind since the seed: how many, their sum in 1e-8 USDT, and the newest time."""

    kind: IncomeKind
    rows: int
    total: int
    time_ns: int


@dataclass(slots=True)
class _Sum:
    rows: int = 0
    total_e18: int = 0
    time_ns: int = 0


@dataclass(slots=True)
class IncomeBook:
    """Rows of one settlement asset after the seed. ``unknown_types`` are booked nowhere: show them to the operator."""

    seed_ns: int
    asset: str
    unknown_types: set[str] = field(default_factory=set[str])
    _rows: dict[tuple[str, str, str], tuple[IncomeKind, IncomeRow]] = field(
        default_factory=dict[tuple[str, str, str], tuple[IncomeKind, IncomeRow]]
    )
    _sums: dict[IncomeKind, _Sum] = field(default_factory=dict[IncomeKind, _Sum])
    _restored_to_ns: dict[IncomeKind, int] = field(default_factory=dict[IncomeKind, int])
    _folded_to_ns: int = 0

    def add(self, rows: Iterable[IncomeRow]) -> tuple[IncomeTotal, ...]:
        """Take in rows, known or new; gives the totals of the kinds that grew. Raises IncomeError."""
        grown: set[IncomeKind] = set()
        for row in rows:
            kind = _kind_of(row.type_text)
            if kind is None:
                if row.type_text not in TRADE_TYPES:
                    self.unknown_types.add(row.type_text)
                continue
            if row.time_ns <= max(self.seed_ns, self._folded_to_ns) or row.asset not in ("", self.asset):
                continue
            if row.time_ns <= self._restored_to_ns.get(kind, 0):
                continue
            key = (row.transaction_id, row.symbol, row.type_text)
            known = self._rows.get(key)
            if known is not None:
                if known[1] != row:
                    raise IncomeError(f"income: transaction `{row.transaction_id}` was told in two ways")
                continue
            self._rows[key] = (kind, row)
            total = self._sums.setdefault(kind, _Sum())
            total.rows += 1
            total.total_e18 += row.amount_e18
            total.time_ns = max(total.time_ns, row.time_ns)
            grown.add(kind)
        return tuple(self.total(kind) for kind in sorted(grown))

    @property
    def remembered(self) -> int:
        """Rows whose identity is kept."""
        return len(self._rows)

    def total(self, kind: IncomeKind) -> IncomeTotal:
        """The total of one kind, rounded once."""
        total = self._sums.get(kind, _Sum())
        return IncomeTotal(kind, total.rows, money_of_e18(total.total_e18), total.time_ns)

    def restore(self, total: IncomeTotal) -> None:
        """Go on from a total of an earlier process: every row up to its time counts as contained in it.

        For seeds older than the three months that the venue keeps; else read everything since the seed again.
        """
        if self._sums.get(total.kind) is not None:
            raise IncomeError(f"income: {total.kind.name} has rows already; restore before the first row is added")
        self._sums[total.kind] = _Sum(total.rows, total.total * E18_PER_MONEY_UNIT, total.time_ns)
        self._restored_to_ns[total.kind] = total.time_ns

    def fold(self, until_ns: int) -> None:
        """Forget the identities of rows up to this time: none of them may be added again, and none will be counted."""
        self._folded_to_ns = max(self._folded_to_ns, until_ns)
        for key in [key for key, (_, row) in self._rows.items() if row.time_ns <= self._folded_to_ns]:
            del self._rows[key]


def _kind_of(type_text: str) -> IncomeKind | None:
    if type_text in FUNDING_TYPES:
        return IncomeKind.FUNDING
    if type_text in TRANSFER_TYPES:
        return IncomeKind.TRANSFER
    return None


def income_input(total: IncomeTotal) -> Input:
    """The INCOME input of a total."""
    return inputs.income(kind=total.kind, rows=total.rows, total=total.total, time_ns=total.time_ns)
