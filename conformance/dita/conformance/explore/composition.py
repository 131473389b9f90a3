"""Kernel, runtime, venue, network and settlement as one transition system: every move from a world, and what is wrong.

A move is *fair* when a system without further faults and without new trades may be counted on to make it: liveness is
judged on fair moves only. An entry's fills, arbitrary refusals and expiries are not fair, so a slot must become free
without them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from dita.conformance.explore.conduct import (
    LOT,
    PRICE,
    TAKER_PPB,
    TARIFF,
    TICK,
    Act,
    Conduct,
    Terms,
    input_of,
    rank_of,
    time_ns,
)
from dita.conformance.explore.kernels import Applied, Clock, Kernels, Step, View
from dita.conformance.explore.naming import Namer
from dita.reference import step as reference_step
from dita.spec import environment as env
from dita.spec import inputs
from dita.spec.environment import Frame, FrameKind, Network, Order, Venue
from dita.spec.outcome import Outcome
from dita.spec.scales import BOUND
from dita.spec.state import Slot, State, Tail, initial_state
from dita.spec.vocabulary import Code, Kind, Phase, RejectReason, Side, Verdict

SEED: Final = 1_000_000_00000000  # a million USDT: leverage never refuses


@dataclass(frozen=True, slots=True)
class Setting:
    """One world: sizes, and how often each fault may happen. ``trades`` -1 is without end."""

    name: str
    lots: int = 1
    net: int = 2
    loss: int = 0
    dup: int = 0
    wrong: int = 0  # absences reported although the order may still come
    external: int = 0  # closes without an order of ours
    crash: int = 0
    trades: int = 1
    tails: int = 2
    ratios: tuple[int, ...] = (1_000_000,)
    periodic: bool = False  # position snapshots without being asked
    eager: bool = False  # absence is reported before the deadline, truthfully marked
    rounded: bool = False  # queries report a rounded notional
    side: Side = Side.LONG
    merged: bool = True  # times that the reference cannot tell apart are one


class Faults(NamedTuple):
    """How many of each fault may still happen."""

    loss: int
    dup: int
    wrong: int
    external: int
    crash: int


class World(NamedTuple):
    """One state of the whole system, in canonical numbers."""

    kernel: int
    gap: int  # capital less wallet, the position valued at nothing
    venue: Venue
    net: Network
    limbo: Network  # submits whose absence was believed and that may still arrive
    faults: Faults
    trades: int


Label = tuple[str, Frame | Order | str | int | None]
Fed = tuple[Act, Applied]


class Move(NamedTuple):
    """One transition: what happened, where it leads, what was fed to the kernel, and what that broke."""

    label: Label
    fair: bool
    world: World
    fed: tuple[Fed, ...]
    wrong: tuple[str, ...]


class Composition:
    """The transition system of one setting. ``step`` and ``conduct`` are the parts under judgement."""

    def __init__(self, setting: Setting, step: Step = reference_step, conduct: Conduct | None = None) -> None:
        self.setting = setting
        self.conduct = conduct or Conduct()
        self.terms = Terms(setting.lots, setting.ratios, setting.side)
        self.kernels = Kernels(step, opened_shop(step, setting.tails), LOT, Clock(time_ns, rank_of))
        self._namer = Namer(self.kernels, merged=setting.merged)
        # Without wrong absences and without other hands the venue never leaves the band that the kernel allows.
        self._strict = setting.wrong == 0 and setting.external == 0

    def start(self) -> World:
        """The first world."""
        s = self.setting
        faults = Faults(s.loss, s.dup, s.wrong, s.external, s.crash)
        return World(self.kernels.start, 0, Venue(), (), (), faults, s.trades)

    # --- what is wrong, what is good --------------------------------------------------------------------------------

    def is_good(self, world: World) -> bool:
        """Idle, settled, reconciled, nothing under way, venue flat, and the books equal the wallet to the unit."""
        return world.gap == 0 and self._is_quiet(world) and not exposed(world.venue)

    def _is_quiet(self, world: World) -> bool:
        return self.kernels.views[world.kernel].at_rest and not world.net and not world.limbo

    def wrong(self, world: World) -> str | None:
        """The safety property that this world breaks, or None."""
        view, venue = self.kernels.views[world.kernel], world.venue
        held = env.position_of(venue)
        if view.booked_entry > venue.opened or view.booked_exit > venue.closed:
            return "PHANTOM: the kernel has booked fills that never happened"
        idle = view.phase == Phase.IDLE and view.reconcile_required == 0 and not world.net and not world.limbo
        if idle and not self.setting.periodic and exposed(venue):
            return "ORPHAN: idle, reconciled, nothing under way, and the venue holds a position or an open order"
        if self._is_quiet(world) and not exposed(venue) and world.gap != 0:
            return f"BOOKS: at rest, capital less wallet is {world.gap} units"
        if self._strict and not view.low <= held <= view.high:
            return f"BAND: the venue holds {held} lots, the kernel allows {view.low} to {view.high}"
        if self._strict and abandoned(world, view):
            return "ABANDONED: an order that the kernel no longer owns is open or still on its way"
        return None

    # --- moves ------------------------------------------------------------------------------------------------------

    def moves(self, world: World) -> list[Move]:
        """Every transition."""
        out: list[Move] = []
        view = self.kernels.views[world.kernel]
        self._strategy(world, view, out)
        if view.flight is not None:
            self._timers(world, view, out)
        self._reading(world, view, out)
        self._settlement(world, view, out)
        for index in env.distinct(world.net):
            self._delivery(world, view, index, out)
            self._network_fault(world, index, out)
        self._latecomers(world, out)
        self._venue(world, out)
        return out

    def _strategy(self, world: World, view: View, out: list[Move]) -> None:
        if view.phase == Phase.IDLE:
            if world.trades != 0:
                left = world._replace(trades=world.trades - 1 if world.trades > 0 else -1)
                self._fed(left, Act(Kind.ENTER, view.high_water + 1), ("strategy enters", None), out, fair=False)
            return
        if view.phase == Phase.POSITION_OPEN and view.legs > 1:
            self._fed(world, Act(Kind.EXIT, view.trade), ("strategy closes a leg", None), out)
        self._fed(world, Act(Kind.FLATTEN, view.trade), ("operator flattens", None), out)
        if view.phase in (Phase.ENTRY_WORKING, Phase.EXIT_WORKING):
            self._fed(world, Act(Kind.CANCEL, view.trade), ("operator cancels", None), out)

    def _timers(self, world: World, view: View, out: list[Move]) -> None:
        if view.phase in (Phase.ENTRY_REQUESTED, Phase.EXIT_REQUESTED):
            self._fed(world, self.conduct.timed_out(view), ("submit times out", None), out)
            return
        act = self.conduct.silent(view)
        applied = self._apply(world.kernel, act)
        if applied.outcome.resolve == 0 or view.flight is None or len(world.net) >= self.setting.net:
            return
        rounded, eager = int(self.setting.rounded), self.setting.eager
        found = self.conduct.looked_up(view.flight, world.venue, world.net, rounded=rounded, eager=eager)
        if found is not None and found not in world.net:
            after = world._replace(net=env.with_frame(world.net, found))
            self._add(out, after, ("silence: the order is looked up", found), True, ((act, applied),))
        if world.faults.wrong > 0 and view.flight_seen == 0 and (found is None or found.kind == FrameKind.SNAPSHOT):
            self._wrongly_absent(world, view.flight, (act, applied), out)

    def _wrongly_absent(self, world: World, name: env.OrderName, fed: Fed, out: list[Move]) -> None:
        """A replica lags or a gateway queues: full evidence of absence for an order that is there or will be."""
        absence = Frame(FrameKind.ABSENCE, *name, flag=1, time=world.venue.now)
        on_its_way = [f for f in world.net if f.kind == FrameKind.SUBMIT and (f.trade, f.attempt) == name]
        net = tuple(f for f in world.net if f not in on_its_way)
        after = world._replace(
            net=env.with_frame(net, absence),
            limbo=tuple(sorted((*world.limbo, *on_its_way[:1]))),
            faults=world.faults._replace(wrong=world.faults.wrong - 1),
        )
        self._add(out, after, ("looked up, wrongly reported absent", absence), False, (fed,))

    def _reading(self, world: World, view: View, out: list[Move]) -> None:
        if len(world.net) >= self.setting.net or any(f.kind == FrameKind.POSITION for f in world.net):
            return
        if self.conduct.position_due(view, periodic=self.setting.periodic):
            frame = env.position_reading(world.venue)
            after = world._replace(net=env.with_frame(world.net, frame))
            self._add(out, after, ("position is read", frame), True)

    def _settlement(self, world: World, view: View, out: list[Move]) -> None:
        if view.unsettled:
            for act in self.conduct.settlement(view, world.venue):
                self._fed(world, act, ("fill rows settle", act.flag), out)

    def _delivery(self, world: World, view: View, index: int, out: list[Move]) -> None:
        frame = world.net[index]
        rest = world._replace(net=env.without_frame(world.net, index))
        label: Label = ("arrives", frame)
        match frame.kind:
            case FrameKind.SUBMIT:
                self._submit_arrives(rest, frame, out)
            case FrameKind.CANCEL:
                order = env.order_named(world.venue, frame.trade, frame.attempt)
                if order is None or order.open == 0:
                    self._add(out, rest, label, True)
                else:
                    venue, said = env.ended(world.venue, order)
                    self._add(out, rest._replace(venue=venue, net=env.with_frame(rest.net, said)), label, True)
            case FrameKind.POSITION:
                self._position_arrives(rest, frame, view, out)
            case _:
                act = self.conduct.heard(frame, view, world.venue)
                self._fed(rest, act, label, out, always=True)

    def _submit_arrives(self, rest: World, frame: Frame, out: list[Move]) -> None:
        venue = rest.venue
        reason = env.must_refuse(venue, frame)
        if reason is None:
            after, said = env.admitted(venue, frame)
            admitted = rest._replace(venue=after, net=env.with_frame(rest.net, said))
            self._add(out, admitted, ("venue admits", frame), True)
        said = env.refusal(venue, frame, reason or RejectReason.REFUSED)
        refused = rest._replace(net=env.with_frame(rest.net, said))
        self._add(out, refused, ("venue refuses", frame), reason is not None)
        self._add(out, rest, ("submit misses its deadline", frame), False)

    def _position_arrives(self, rest: World, frame: Frame, view: View, out: list[Move]) -> None:
        act = self.conduct.position(frame, view, rest.venue)
        applied = self._apply(rest.kernel, act)
        fed: tuple[Fed, ...] = ((act, applied),)
        after = self._after(rest, applied)
        wrong = applied.wrong
        if applied.outcome.verdict == Verdict.FLAGGED and applied.outcome.code == Code.POSITION_MISMATCH:
            remedy = self.conduct.mismatch(frame, view, rest.venue)
            if remedy is not None:
                applied = self._apply(after.kernel, remedy)
                fed = (*fed, (remedy, applied))
                commanded = self._commanded(self._after(after, applied), applied.outcome)
                assert commanded is not None, "a delivered frame leaves room for one command"
                after, broken = commanded
                wrong = (*wrong, *applied.wrong, *broken)
        self._add(out, after, ("arrives", frame), True, fed, wrong)

    def _network_fault(self, world: World, index: int, out: list[Move]) -> None:
        frame, faults = world.net[index], world.faults
        if faults.loss > 0:
            net = env.without_frame(world.net, index)
            lost = world._replace(net=net, faults=faults._replace(loss=faults.loss - 1))
            self._add(out, lost, ("LOST", frame), False)
        if faults.dup > 0 and frame.kind != FrameKind.SUBMIT and len(world.net) < self.setting.net:
            net = env.with_frame(world.net, frame)
            twice = world._replace(net=net, faults=faults._replace(dup=faults.dup - 1))
            self._add(out, twice, ("REPEATED", frame), False)
        if faults.crash > 0 and index == 0:
            self._crash(world, out)

    def _crash(self, world: World, out: list[Move]) -> None:
        """The process dies: what was on its way to it is gone; so may be what it had not sent yet."""
        left = world._replace(faults=world.faults._replace(crash=world.faults.crash - 1))
        sent = tuple(f for f in world.net if f.kind in (FrameKind.SUBMIT, FrameKind.CANCEL))
        self._add(out, left._replace(net=sent), ("CRASH, restart", "requests had left"), False)
        if sent:
            self._add(out, left._replace(net=()), ("CRASH, restart", "requests had not left"), False)

    def _latecomers(self, world: World, out: list[Move]) -> None:
        for index in env.distinct(world.limbo):
            frame = world.limbo[index]
            rest = world._replace(limbo=env.without_frame(world.limbo, index))
            if env.must_refuse(world.venue, frame) is None and len(world.net) < self.setting.net:
                venue, said = env.admitted(world.venue, frame)
                late = rest._replace(venue=venue, net=env.with_frame(world.net, said))
                self._add(out, late, ("venue admits LATE", frame), True)
            self._add(out, rest, ("late submit dies", frame), True)

    def _venue(self, world: World, out: list[Move]) -> None:
        venue, faults = world.venue, world.faults
        held = env.position_of(venue)
        if faults.external > 0 and held > 0:
            spent = world._replace(faults=faults._replace(external=faults.external - 1))
            for lots in {1, held}:
                after = self._moved(spent, env.closed_by_hand(venue, lots))
                self._add(out, after, ("position is closed BY HAND", lots), False)
        if len(world.net) >= self.setting.net:
            return
        for order in venue.orders:
            if order.open == 0:
                continue
            unfilled = order.ordered - order.filled
            most = unfilled if order.attempt == 0 else min(unfilled, held)
            for lots in {1, most} if most > 0 else ():
                after, said = env.filled(venue, order, lots)
                self._stream(world, after, said, ("venue fills", said), out, fair=order.attempt > 0)
            after, said = env.ended(venue, order)
            self._stream(world, after, said, ("venue ends", said), out, fair=order.attempt > 0 and held == 0)

    def _stream(self, world: World, venue: Venue, said: Frame, label: Label, out: list[Move], *, fair: bool) -> None:
        after = self._moved(world, venue)
        self._add(out, after._replace(net=env.with_frame(world.net, said)), label, fair)

    def _moved(self, world: World, venue: Venue) -> World:
        """The venue has changed; a fill moves the wallet."""
        opened, closed = venue.opened - world.venue.opened, venue.closed - world.venue.closed
        if opened + closed == 0:
            return world._replace(venue=venue)
        cash = env.cash_of(TARIFF, self.setting.side, opens=opened > 0, lots=opened + closed)
        return world._replace(venue=venue, gap=world.gap - cash)

    # --- feeding the kernel -----------------------------------------------------------------------------------------

    def _apply(self, kernel: int, act: Act) -> Applied:
        view = self.kernels.views[kernel]
        return self.kernels.apply(kernel, act, lambda: input_of(act, view, self.terms))

    def _after(self, world: World, applied: Applied) -> World:
        if applied.kernel == world.kernel:
            return world
        venue = world.venue
        if applied.retired:
            venue = venue._replace(opened=venue.opened - applied.retired, closed=venue.closed - applied.retired)
        return world._replace(kernel=applied.kernel, gap=world.gap + applied.gain, venue=venue)

    def _fed(
        self, world: World, act: Act, label: Label, out: list[Move], *, fair: bool = True, always: bool = False
    ) -> None:
        """Feed one input and carry out its command; without room for the command it has to wait."""
        applied = self._apply(world.kernel, act)
        commanded = self._commanded(self._after(world, applied), applied.outcome)
        if commanded is None:
            return
        after, broken = commanded
        if always or after is not world:
            self._add(out, after, label, fair, ((act, applied),), (*applied.wrong, *broken))

    def _commanded(self, world: World, outcome: Outcome) -> tuple[World, tuple[str, ...]] | None:
        """The world with the outcome's command on its way, and what the command breaks; None if there is no room."""
        if outcome.submit == 0 and outcome.cancel == 0:
            return world, ()
        kind = FrameKind.SUBMIT if outcome.submit else FrameKind.CANCEL
        quantity = outcome.quantity // LOT if outcome.submit else 0
        frame = Frame(kind, outcome.trade, outcome.attempt, quantity)
        if frame in world.net and not outcome.submit:
            return world, ()
        if len(world.net) >= self.setting.net:
            return None
        broken = ("DOUBLE: an order name is used twice",) if outcome.submit and is_known(world, frame) else ()
        return world._replace(net=env.with_frame(world.net, frame)), broken

    def _add(
        self,
        out: list[Move],
        world: World,
        label: Label,
        fair: bool,
        fed: tuple[Fed, ...] = (),
        wrong: tuple[str, ...] = (),
    ) -> None:
        kernel, venue, net, limbo = self._namer.canonical(world.kernel, world.venue, world.net, world.limbo)
        out.append(Move(label, fair, World(kernel, world.gap, venue, net, limbo, world.faults, world.trades), fed, wrong))


def exposed(venue: Venue) -> bool:
    """Something is held or rests on the book."""
    return venue.opened != venue.closed or any(order.open == 1 for order in venue.orders)


def abandoned(world: World, view: View) -> bool:
    """An order other than the one in flight is open, or its first submit has not arrived yet."""
    for order in world.venue.orders:
        if order.open == 1 and (order.trade, order.attempt) != view.flight:
            return True
    for frame in world.net:
        if frame.kind == FrameKind.SUBMIT and (frame.trade, frame.attempt) != view.flight:
            return True
    return False


def is_known(world: World, submit: Frame) -> bool:
    """The name was used before."""
    name = (submit.trade, submit.attempt)
    return (
        env.order_named(world.venue, *name) is not None
        or any((f.trade, f.attempt) == name for f in world.net)
        or any((f.trade, f.attempt) == name for f in world.limbo)
    )


def opened_shop(step: Step, tails: int) -> State:
    """A kernel that is seeded, knows its contract, and may trade."""
    blank = initial_state(1, 1)
    state = blank._replace(slots=(Slot(tails=(Tail(),) * tails),))
    register = inputs.register(
        instrument=0, lot=LOT, tick=TICK, quantity_min=LOT, notional_min=0, price_max=4 * PRICE, quantity_max=1000 * LOT,
        taker_ppb=TAKER_PPB, maker_ppb=TAKER_PPB,
    )  # fmt: skip
    assert 1000 * LOT < BOUND
    ready: list[Callable[[], inputs.Input]] = [
        lambda: register,
        lambda: inputs.seed(amount=SEED, time_ns=0),
        lambda: inputs.set_limits(slot_limit=1, leverage_max_ppm=1_000_000, tolerance=0),
    ]
    for make in ready:
        state, outcome = step(state, make())
        if outcome.verdict != Verdict.ACCEPTED:
            raise ValueError(f"setting up: `{Outcome.__str__(outcome)}`; the contract terms do not suit the kernel")
    return state
