"""The operator's and the venue's settings: mode, limits, contracts, calibration, position snapshots."""

from dita.reference.arithmetic import fits_scales
from dita.reference.books import acknowledged
from dita.reference.focus import Answer, flagged_evidence, in_range, require, require_time
from dita.reference.lifecycle import in_entry, in_exit
from dita.spec.inputs import Input
from dita.spec.scales import BOUND, FOREIGN_ORDERS_MAX, RATE_SCALE, RATIO_SCALE
from dita.spec.state import Focus, Instrument, Slot, remaining
from dita.spec.vocabulary import SLOTS, Code, Mode, Phase, Side

LEVERAGE_CEILING_PPM = 1000 * RATIO_SCALE
CALIBRATION_CEILING_PPM = 4 * RATIO_SCALE
FEE_RATE_CEILING_PPB = RATE_SCALE // 10


def set_mode(focus: Focus, event: Input) -> Answer:
    """SET_MODE: commands nothing by itself; the runtime cancels working entries on a downgrade."""
    require(in_range(event.mode, Mode.ACTIVE, Mode.HALTED), Code.BAD_VALUE)
    require(event.mode != focus.account.mode, Code.NO_CHANGE)
    return acknowledged(focus._replace(account=focus.account._replace(mode=event.mode)))


def set_limits(focus: Focus, event: Input) -> Answer:
    """SET_LIMITS: live slots, aggregate leverage, tolerated wallet difference. Open trades are not touched."""
    require(in_range(event.slot_limit, 1, SLOTS), Code.BAD_VALUE)
    require(in_range(event.ratio_ppm, 1, LEVERAGE_CEILING_PPM), Code.BAD_VALUE)
    require(in_range(event.amount, 0, BOUND), Code.BAD_VALUE)
    account = focus.account._replace(
        slot_limit=event.slot_limit,
        leverage_max_ppm=event.ratio_ppm,
        tolerance=event.amount,
    )
    return acknowledged(focus._replace(account=account))


def calibrate(focus: Focus, event: Input) -> Answer:
    """CALIBRATE: the ratio of actual to model fee, for trades entered from now on."""
    require(in_range(event.ratio_ppm, 1, CALIBRATION_CEILING_PPM), Code.BAD_VALUE)
    return acknowledged(focus._replace(account=focus.account._replace(calibration_ppm=event.ratio_ppm)))


def register(focus: Focus, event: Input) -> Answer:
    """REGISTER: contract terms of an instrument, refused when the scales cannot hold them exactly (clause N5)."""
    require(in_range(event.lot, 1, BOUND), Code.BAD_VALUE)
    require(in_range(event.tick, 1, BOUND), Code.BAD_VALUE)
    require(in_range(event.quantity_min, 0, BOUND), Code.BAD_VALUE)
    require(in_range(event.notional_min, 0, BOUND), Code.BAD_VALUE)
    require(in_range(event.price_max, 1, BOUND), Code.BAD_VALUE)
    require(in_range(event.quantity_max, 1, BOUND), Code.BAD_VALUE)
    require(in_range(event.taker_ppb, 0, FEE_RATE_CEILING_PPB), Code.BAD_VALUE)
    require(in_range(event.maker_ppb, 0, FEE_RATE_CEILING_PPB), Code.BAD_VALUE)
    require(fits_scales(event.lot, event.tick, event.quantity_max, event.price_max), Code.UNFIT_INSTRUMENT)
    require(focus.instrument.holder == 0, Code.INSTRUMENT_BUSY)
    instrument = focus.instrument._replace(
        registered=1,
        lot=event.lot,
        tick=event.tick,
        quantity_min=event.quantity_min,
        notional_min=event.notional_min,
        price_max=event.price_max,
        quantity_max=event.quantity_max,
        taker_ppb=event.taker_ppb,
        maker_ppb=event.maker_ppb,
    )
    return acknowledged(focus._replace(instrument=instrument))


# --- position snapshots ---------------------------------------------------------------------------------------------


def position(focus: Focus, event: Input) -> Answer:
    """POSITION: only an exact match, newer than all evidence and with no order in flight, explains everything."""
    instrument = focus.instrument
    require(instrument.registered == 1, Code.BAD_INDEX)
    require(instrument.holder == 0 or instrument.holder == event.slot + 1, Code.BAD_INDEX)
    require_time(event.time_ns)
    require(in_range(event.long_quantity, 0, BOUND), Code.BAD_VALUE)
    require(in_range(event.short_quantity, 0, BOUND), Code.BAD_VALUE)
    require(in_range(event.foreign_orders, 0, FOREIGN_ORDERS_MAX), Code.BAD_VALUE)
    newest = max(instrument.evidence_time_ns, instrument.fill_time_ns)
    require(event.time_ns >= newest, Code.STALE_SNAPSHOT)
    slot = focus.slot if instrument.holder != 0 else Slot(tails=())
    if not position_explained(slot, event):
        return flagged_evidence(focus, Code.POSITION_MISMATCH, event.time_ns, trade=slot.trade)
    settled = slot.phase == Phase.IDLE or slot.phase == Phase.POSITION_OPEN
    require(settled and instrument.reconcile_required == 1, Code.NO_CHANGE)
    return acknowledged(reconciled(focus, instrument))


def position_explained(slot: Slot, event: Input) -> bool:
    """Clause T5: the venue's own side lies in the band that the order in flight allows; nothing else is there."""
    low = remaining(slot)
    high = low
    if in_entry(slot):
        high = low + slot.entry.ordered - slot.entry.quantity
    if in_exit(slot):
        low = low - (slot.exit.ordered - slot.exit.quantity)
    own = event.short_quantity if slot.side == Side.SHORT else event.long_quantity
    other = event.long_quantity if slot.side == Side.SHORT else event.short_quantity
    return in_range(own, low, high) and other == 0 and event.foreign_orders == 0


def reconciled(focus: Focus, instrument: Instrument) -> Focus:
    """The venue agrees and is newer than the evidence: new risk in this instrument is explained."""
    account = focus.account._replace(unreconciled=focus.account.unreconciled - 1)
    return Focus(account, instrument._replace(reconcile_required=0), focus.slot)
