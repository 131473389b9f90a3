"""The account's fees against the model: recent fills at the start, and every settled half from then on.

A start that finds fills which cost something else than the venue's own rates say (``dita.adapters.logic.fees``) opens
nothing; what is open is still closed. While trades settle, their ratio to the model is averaged; the kernel predicts
with that average, and opening stops while it is as far off as would have refused the start.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.errors import VenueError
from dita.adapters.logic.fees import (
    REFUSE_PPM,
    Agreement,
    Calibration,
    FeeSum,
    FeeTerms,
    agreement,
    calibrated,
    fee_sum,
    model_fee_e18,
    ratio_ppm,
)
from dita.adapters.logic.rows import FillRow
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.instruments import Instruments
from dita.runtime.venue_port import Reader, Venue
from dita.spec import inputs
from dita.spec.scales import NANOSECONDS_PER_SECOND, RATIO_SCALE

HOLD: Final = "the fee model does not fit the account"
_RECENT_NS: Final = 86_400 * NANOSECONDS_PER_SECOND
_RECENT_ROWS: Final = 200  # of all symbols, the newest
_STEP_PPM: Final = 1_000  # the kernel is told when the average has moved by so much
_FORCED: Final = frozenset({"LIQUIDATION", "ADL"})


class FeeRow(NamedTuple):
    """One fill as it is shown: the row, and what it should have cost (1e-18 USDT; None: the role is not known)."""

    row: FillRow
    model_e18: int | None


@dataclass(frozen=True, slots=True)
class FeeCheck:
    """What a start found."""

    agreement: Agreement
    fees: FeeSum
    rows: tuple[FeeRow, ...]

    @property
    def says(self) -> str:
        """In a line, with what to do about it."""
        ratio = ratio_ppm(self.fees)
        if self.agreement is Agreement.NOTHING:
            return f"fees: no fill of the last day to compare with ({self.fees.silent} without a role)"
        share = "a fee where none is due" if ratio is None else f"{ratio / 10_000:.2f} % of the model"
        said = f"fees: {self.fees.rows} recent fills cost {share}"
        if self.agreement is not Agreement.REFUSED:
            return said
        wanted = "" if ratio is None else f"; if that is what this account pays, set DITA_FEE_RATIO_PPM={ratio}"
        return f"{said}: nothing is opened{wanted}, else ask the venue"


def fee_terms(contracts: Iterable[Contract]) -> dict[str, FeeTerms]:
    """What each symbol costs by its contract."""
    return {contract.symbol: FeeTerms(contract.taker_ppb, contract.maker_ppb) for contract in contracts}


async def recent_fees(reader: Reader, terms: Mapping[str, FeeTerms]) -> FeeCheck:
    """The last day's fills of these symbols held against the model. Raises VenueError."""
    end_ns = (await reader.server_time()).server_ns + NANOSECONDS_PER_SECOND
    start_ns = end_ns - _RECENT_NS
    rows: list[FillRow] = []
    for symbol in terms:
        rows += await reader.fill_history(symbol, start_ns, end_ns)
    rows = sorted(rows, key=lambda row: row.time_ns)[-_RECENT_ROWS:]
    if agreement(fee_sum(rows, terms)) in (Agreement.DOUBTFUL, Agreement.REFUSED):
        forced = await _forced_orders(reader, {row.symbol for row in rows}, start_ns, end_ns)
        rows = [row for row in rows if row.order_id not in forced]  # the venue sets their price by itself
    fees = fee_sum(rows, terms)
    shown = tuple(FeeRow(row, model_fee_e18(row, terms[row.symbol])) for row in rows)
    return FeeCheck(agreement(fees), fees, shown)


async def _forced_orders(reader: Reader, symbols: Iterable[str], start_ns: int, end_ns: int) -> set[str]:
    found: set[str] = set()
    for symbol in sorted(symbols):
        orders = await reader.all_orders(symbol, start_ns, end_ns)
        found |= {order.order_id for order in orders if order.type_text in _FORCED}
    return found


@final
class FeeWatch:
    """See the module. ``hold`` and ``release`` stop new trades for a reason and let them go on."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        instruments: Instruments,
        alerts: Alerts,
        hold: Callable[[str], None],
        release: Callable[[str], None],
    ) -> None:
        self.check: FeeCheck | None = None
        self.calibration = Calibration.from_ppm(engine.state.account.calibration_ppm)
        self._engine = engine
        self._venue = venue
        self._alerts = alerts
        self._terms = fee_terms(one.contract for one in instruments)
        self._hold = hold
        self._release = release
        self._is_off = False

    async def check_recent(self) -> bool:
        """Compare the last day's fills with the model, once; whether that is done. False when a read failed."""
        if self.check is not None:
            return True
        try:
            self.check = await recent_fees(self._venue.reader, self._terms)
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return False
        if self.check.agreement in (Agreement.DOUBTFUL, Agreement.REFUSED):
            self._alerts.raise_(Alert.FEE_MODEL, self.check.says)
        ratio = ratio_ppm(self.check.fees)
        if self.check.agreement is Agreement.REFUSED:
            self._hold(HOLD)
        elif ratio is not None:  # fresher than what the journal has kept, and of the terms as they are now
            self.calibration = Calibration.from_ppm(ratio)
            await self._tell_kernel()
        return True

    @property
    def refuses(self) -> bool:
        """Whether the start found fees that the model does not explain."""
        return self.check is not None and self.check.agreement is Agreement.REFUSED

    async def settled(self, rows: Iterable[FillRow]) -> None:
        """A half was settled with these rows of orders of ours."""
        self.calibration = calibrated(self.calibration, fee_sum(rows, self._terms))
        await self._tell_kernel()
        ratio = self.calibration.ratio_ppm
        is_off = abs(ratio - RATIO_SCALE) >= REFUSE_PPM
        if is_off is self._is_off:
            return
        self._is_off = is_off
        said = f"settled fees are on average {ratio / 10_000:.2f} % of the model"
        if is_off:
            within = REFUSE_PPM * 100 // RATIO_SCALE
            self._alerts.raise_(Alert.FEE_MODEL, f"{said}: nothing is opened until that is within {within} % again")
            self._hold(HOLD)
        else:
            stays = ": still nothing is opened, for what the start has found" if self.refuses else ""
            self._alerts.raise_(Alert.FEE_MODEL, f"{said} again{stays}")
            if not self.refuses:
                self._release(HOLD)

    async def _tell_kernel(self) -> None:
        ratio = self.calibration.ratio_ppm
        if abs(ratio - self._engine.state.account.calibration_ppm) >= _STEP_PPM:
            await self._engine.apply(inputs.calibrate(ratio))
