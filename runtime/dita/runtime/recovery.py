"""From a journal to a state to trade from: replay without commands, then say of every order in flight that it is open.

The order of things: replay through both sides; terms and limits; UNKNOWN for what was requested and SILENT for what was
working or unresolved, which makes the kernel command its resolution; then positions and wallet. Only then ENTER.
"""

from dataclasses import dataclass

from dita.adapters.journal import Journal, Row
from dita.adapters.logic.flights import doubts, in_flight
from dita.runtime.fast_forward import fast_forward
from dita.runtime.flights import Flight
from dita.runtime.history import History
from dita.runtime.instruments import Instruments
from dita.runtime.lockstep import KernelPort, Lockstep, Stepped
from dita.runtime.replay import Replayed, replay
from dita.spec.inputs import Input
from dita.spec.order_ids import client_order_id
from dita.spec.state import Instrument as InstrumentState
from dita.spec.state import State
from dita.spec.vocabulary import OrderSide, Side

__all__ = ["Recovered", "doubts", "flights_of", "recover", "setting_inputs"]


@dataclass(slots=True)
class Recovered:
    """The state and the past. ``from_snapshot``: the row up to which the reference did not have to walk; 0: none."""

    lockstep: Lockstep
    replayed: Replayed
    history: History
    from_snapshot: int = 0


def recover(
    journal: Journal, kernel: KernelPort, *, made_by: str = "", accept_migration: bool, wall_ns: int
) -> Recovered:
    """Replay the journal. ``kernel`` must be fresh. Raises ReplayRefused, JournalError.

    ``made_by`` names this version of the code: snapshots of the same one are used, and with "" none is.
    """
    migration = journal.migration()
    reached = None
    if made_by and not accept_migration:
        reached = fast_forward(journal, kernel, made_by, after=0 if migration is None else migration.position)
    if reached is None:
        lockstep, history, start = Lockstep(kernel), History(), 0
    else:
        lockstep, history, start = reached

    def observe(row: Row, stepped: Stepped) -> None:
        history.observe(row.input, stepped, send_by_ns=row.send_by_ns, wall_ns=row.wall_ns)

    replayed = replay(
        journal.rows(start), lockstep, migration=migration, accept_migration=accept_migration, observe=observe
    )
    if replayed.differs_at:
        journal.accept_migration(replayed.last_digest, wall_ns)
    history.keep(lockstep.state)
    return Recovered(lockstep, replayed, history, start)


def setting_inputs(state: State, instruments: Instruments, limits: Input) -> list[Input]:
    """REGISTER and SET_LIMITS where they say something new; an instrument with a live trade keeps its terms."""
    wanted: list[Input] = []
    for instrument in instruments:
        event = instrument.register()
        known = state.instruments[instrument.number]
        if known.holder == 0 and _terms(known) != _terms(event):
            wanted.append(event)
    account = state.account
    if (account.slot_limit, account.leverage_max_ppm, account.tolerance) != (
        limits.slot_limit,
        limits.ratio_ppm,
        limits.amount,
    ):
        wanted.append(limits)
    return wanted


def _terms(record: InstrumentState | Input) -> tuple[int, ...]:
    return (
        record.lot,
        record.tick,
        record.quantity_min,
        record.notional_min,
        record.price_max,
        record.quantity_max,
        record.taker_ppb,
        record.maker_ppb,
    )


def flights_of(recovered: Recovered, instruments: Instruments, tag: str, now_ns: int) -> list[Flight]:
    """The orders in flight at the end of the journal. ``now_ns`` is our monotonic clock."""
    found: list[Flight] = []
    for key in in_flight(recovered.lockstep.state):
        slot = recovered.lockstep.state.slots[key.slot]
        submitted, send_by_ns = recovered.history.submits.get(key.slot, (key, 0))
        is_exit = key.attempt > 0
        buys = (slot.side == Side.LONG) != is_exit
        found.append(
            Flight(
                key=key,
                instrument=slot.instrument,
                symbol=instruments[slot.instrument].symbol,
                client_order_id=client_order_id(tag, key),
                side=OrderSide.BUY if buys else OrderSide.SELL,
                quantity=slot.exit.ordered if is_exit else slot.entry.ordered,
                reduce_only=is_exit,
                send_by_ns=send_by_ns if submitted == key else 0,
                heard_ns=now_ns,
                answered=True,
            )
        )
    return found
