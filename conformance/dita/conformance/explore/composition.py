"""Kernel, runtime, venue, network and settlement as one transition system: every move from a world.

Liveness is judged on fair moves only. An entry's fills, arbitrary refusals and expiries are not fair, so a slot must
become free without them.
"""

from typing import Final

from dita.conformance.explore.acts import LOT, PRICE, TAKER_PPB, TARIFF, TICK, Act, Terms, input_of, rank_of, time_ns
from dita.conformance.explore.conduct import Conduct
from dita.conformance.explore.judgement import broken_by, exposed, is_good, is_quiet
from dita.conformance.explore.kernels import Applied, Clock, Kernels, Step, View
from dita.conformance.explore.naming import Namer
from dita.conformance.explore.system import Faults, Fed, Label, Move, Setting, World
from dita.reference import step as reference_step
from dita.spec import environment as env
from dita.spec import inputs
from dita.spec.environment import Frame, FrameKind, Network, Order, Venue
from dita.spec.outcome import Outcome
from dita.spec.state import Slot, State, Tail, initial_state
from dita.spec.vocabulary import Code, Kind, Mode, Phase, RejectReason, Verdict

SEED: Final = 1_000_000_00000000  # a million USDT: leverage never refuses
DOUBLE: Final = ("DOUBLE: an order name is used twice",)


class Composition:
    """The transition system of one setting. ``step`` and ``conduct`` are the parts under judgement."""

    def __init__(self, setting: Setting, step: Step = reference_step, conduct: Conduct | None = None) -> None:
        if setting.merged and setting.lagging:
            raise ValueError("merged: `True` in a world with lagging readings; give False, the merge would be wrong")
        self.setting = setting
        self._conduct = conduct or Conduct()
        self._terms = Terms(setting.lots, setting.ratios, setting.side)
        clock = Clock(time_ns, rank_of)
        shop = opened_shop(step, setting.tails)
        self.kernels = Kernels(step, shop, LOT, clock, wallet=setting.wallet, judged=setting.judged)
        self._namer = Namer(self.kernels, merged=setting.merged)

    def start(self) -> World:
        """The first world."""
        s = self.setting
        faults = Faults(s.loss, s.dup, s.wrong, s.external, s.crash)
        return World(self.kernels.start, 0, Venue(), (), (), faults, s.trades)

    def view(self, world: World) -> View:
        """The kernel's side of a world."""
        return self.kernels.views[world.kernel]

    def broken(self, world: World) -> str | None:
        """The safety property that a world breaks, or None."""
        return broken_by(world, self.view(world), self.setting)

    def is_good(self, world: World) -> bool:
        """Whether the whole system is at rest and right."""
        return is_good(world, self.view(world))

    def moves(self, world: World) -> list[Move]:
        """Every transition."""
        out: list[Move] = []
        view = self.view(world)
        self._strategy(world, view, out)
        if view.flight is not None:
            self._timers(world, view, view.flight, out)
        self._readings(world, view, out)
        for act in self._conduct.settlement(view, world.venue) if view.unsettled else ():
            self._fed(world, act, ("fill rows settle", None), out)
        if self.setting.rows:
            found = self._conduct.closed_without_us(view, world.venue)
            if found is not None:
                self._fed(world, found, ("fill rows show a close without us", None), out)
        for index in env.distinct(world.net):
            self._delivery(world, view, index, out)
            self._network_fault(world, index, out)
        self._latecomers(world, out)
        self._venue(world, out)
        return out

    # --- runtime ----------------------------------------------------------------------------------------------------

    def _strategy(self, world: World, view: View, out: list[Move]) -> None:
        if self.setting.modes:
            for mode in Mode:
                self._fed(world, Act(Kind.SET_MODE, flag=mode), ("operator sets mode", mode.name), out, fair=False)
        if view.phase == Phase.IDLE:
            if world.trades != 0:
                left = world._replace(trades=max(-1, world.trades - 1)) if world.trades > 0 else world
                self._fed(left, Act(Kind.ENTER, view.high_water + 1), ("strategy enters", None), out, fair=False)
            if self.setting.adjusts and world.gap != 0 and is_quiet(world, view) and not exposed(world.venue):
                act = Act(Kind.INCOME, quantity=-world.gap, time=world.venue.now)
                self._fed(world, act, ("operator adjusts the books", None), out)
            return
        if view.phase == Phase.POSITION_OPEN and view.legs > 1:
            self._fed(world, Act(Kind.EXIT, view.trade), ("strategy closes a leg", None), out)
        self._fed(world, Act(Kind.FLATTEN, view.trade), ("operator flattens", None), out)
        if view.phase in (Phase.ENTRY_WORKING, Phase.EXIT_WORKING):
            self._fed(world, Act(Kind.CANCEL, view.trade), ("operator cancels", None), out)

    def _timers(self, world: World, view: View, name: env.OrderName, out: list[Move]) -> None:
        if view.phase in (Phase.ENTRY_REQUESTED, Phase.EXIT_REQUESTED):
            self._fed(world, self._conduct.timed_out(view), ("submit times out", None), out)
            return
        act = self._conduct.silent(view)
        applied = self._apply(world.kernel, act)
        if applied.outcome.resolve == 0 or len(world.net) >= self.setting.net:
            return
        rounded, eager = int(self.setting.rounded), self.setting.eager
        found = self._conduct.looked_up(name, world.venue, world.net, rounded=rounded, eager=eager)
        if found is not None and found not in world.net:
            after = world._replace(net=env.with_frame(world.net, found))
            self._add(out, after, ("silence: the order is looked up", found), True, ((act, applied),), applied.wrong)
        if world.faults.wrong > 0 and view.flight_seen == 0 and (found is None or found.kind == FrameKind.SNAPSHOT):
            self._wrongly_absent(world, name, (act, applied), out)

    def _wrongly_absent(self, world: World, name: env.OrderName, fed: Fed, out: list[Move]) -> None:
        """A replica lags or a gateway queues: full evidence of absence for an order that is there or will be."""
        absence = Frame(FrameKind.ABSENCE, *name, flag=1, time=world.venue.now)
        on_its_way = [f for f in world.net if f.kind == FrameKind.SUBMIT and (f.trade, f.attempt) == name]
        net = tuple(f for f in world.net if f not in on_its_way)
        after = world._replace(
            net=env.with_frame(net, absence),
            limbo=tuple(sorted((*world.limbo, *on_its_way))),
            faults=world.faults._replace(wrong=world.faults.wrong - 1),
        )
        self._add(out, after, ("looked up, WRONGLY reported absent", absence), False, (fed,))

    def _readings(self, world: World, view: View, out: list[Move]) -> None:
        if len(world.net) >= self.setting.net:
            return
        kinds = [frame.kind for frame in world.net]
        due = self._conduct.position_due(view, periodic=self.setting.periodic)
        if due and FrameKind.POSITION not in kinds:
            self._read(world, env.position_reading(world.venue), "position is read", out)
        if self.setting.wallet and FrameKind.WALLET not in kinds:
            held = env.position_cost(TARIFF, self.setting.side, env.position_of(world.venue))
            self._read(world, env.wallet_reading(world.venue, SEED - world.gap + held), "wallet is read", out)

    def _read(self, world: World, frame: Frame, action: str, out: list[Move]) -> None:
        self._add(out, with_net(world, env.with_frame(world.net, frame)), (action, frame), True)
        if self.setting.lagging and frame.time > 1:
            older = frame._replace(time=frame.time - 1)
            self._add(out, with_net(world, env.with_frame(world.net, older)), (f"{action}, dated back", older), True)

    # --- network ----------------------------------------------------------------------------------------------------

    def _delivery(self, world: World, view: View, index: int, out: list[Move]) -> None:
        frame = world.net[index]
        rest = with_net(world, env.without_frame(world.net, index))
        label: Label = ("arrives", frame)
        match frame.kind:
            case FrameKind.SUBMIT:
                self._submit_arrives(rest, frame, out)
            case FrameKind.CANCEL:
                order = env.order_named(world.venue, frame.trade, frame.attempt)
                if order is None or order.open == 0:
                    self._add(out, rest, label, True)
                else:
                    self._streamed(rest, *env.ended(world.venue, order), label, out, fair=True)
            case FrameKind.POSITION:
                self._position_arrives(rest, frame, view, out)
            case _:
                act = self._conduct.heard(frame, view, world.venue)
                self._fed(rest, act, label, out, always=True)

    def _submit_arrives(self, rest: World, frame: Frame, out: list[Move]) -> None:
        reason = env.must_refuse(rest.venue, frame)
        if reason is None:
            self._streamed(rest, *env.admitted(rest.venue, frame), ("venue admits", frame), out, fair=True)
        said = env.refusal(rest.venue, frame, reason or RejectReason.REFUSED)
        refused = with_net(rest, env.with_frame(rest.net, said))
        self._add(out, refused, ("venue refuses", frame), reason is not None)
        self._add(out, rest, ("submit misses its deadline", frame), False)

    def _position_arrives(self, rest: World, frame: Frame, view: View, out: list[Move]) -> None:
        act = self._conduct.position(frame, view, rest.venue)
        applied = self._apply(rest.kernel, act)
        fed: tuple[Fed, ...] = ((act, applied),)
        after = self._after(rest, applied)
        wrong = applied.wrong
        if applied.outcome.verdict == Verdict.FLAGGED and applied.outcome.code == Code.POSITION_MISMATCH:
            remedy = self._conduct.mismatch(frame, view, rest.venue)
            if remedy is not None:
                applied = self._apply(after.kernel, remedy)
                fed = (*fed, (remedy, applied))
                commanded = self._commanded(self._after(after, applied), applied.outcome)
                assert commanded is not None, "a frame that arrived leaves room for one command"
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
        self._add(out, with_net(left, sent), ("CRASH, restart", "requests had left"), False)
        if sent:
            self._add(out, with_net(left, ()), ("CRASH, restart", "requests had not left"), False)

    # --- venue ------------------------------------------------------------------------------------------------------

    def _latecomers(self, world: World, out: list[Move]) -> None:
        for index in env.distinct(world.limbo):
            frame = world.limbo[index]
            rest = world._replace(limbo=env.without_frame(world.limbo, index))
            if env.must_refuse(world.venue, frame) is None and len(world.net) < self.setting.net:
                self._streamed(rest, *env.admitted(world.venue, frame), ("venue admits LATE", frame), out, fair=True)
            self._add(out, rest, ("late submit dies", frame), True)

    def _venue(self, world: World, out: list[Move]) -> None:
        venue, faults = world.venue, world.faults
        held = env.position_of(venue)
        if faults.external > 0 and held > 0:
            spent = world._replace(faults=faults._replace(external=faults.external - 1))
            for lots in {1, held}:
                after = self._moved(spent, env.closed_by_hand(venue, lots))
                self._add(out, after, ("position is closed BY HAND", lots), False)
        if len(world.net) < self.setting.net:
            for order in venue.orders:
                if order.open == 1:
                    self._order_moves(world, order, held, out)

    def _order_moves(self, world: World, order: Order, held: int, out: list[Move]) -> None:
        closes = order.attempt > 0
        unfilled = order.ordered - order.filled
        most = min(unfilled, held) if closes else unfilled
        for lots in {1, most} if most > 0 else ():
            venue, said = env.filled(world.venue, order, lots)
            self._streamed(world, venue, said, ("venue fills", said), out, fair=closes)
        venue, said = env.ended(world.venue, order)
        self._streamed(world, venue, said, ("venue ends", said), out, fair=closes and held == 0)

    def _streamed(self, world: World, venue: Venue, said: Frame, label: Label, out: list[Move], *, fair: bool) -> None:
        """The venue changes and says so on the stream."""
        after = self._moved(world, venue)
        self._add(out, with_net(after, env.with_frame(after.net, said)), label, fair)

    def _moved(self, world: World, venue: Venue) -> World:
        """The venue has changed; a fill moves the wallet."""
        opened, closed = venue.opened - world.venue.opened, venue.closed - world.venue.closed
        cash = 0
        if opened + closed > 0:
            cash = env.cash_of(TARIFF, self.setting.side, opens=opened > 0, lots=opened + closed)
        return World(world.kernel, world.gap - cash, venue, world.net, world.limbo, world.faults, world.trades)

    # --- feeding the kernel -----------------------------------------------------------------------------------------

    def _apply(self, kernel: int, act: Act) -> Applied:
        found = self.kernels.known(kernel, act)
        if found is None:
            event = input_of(act, self.kernels.views[kernel].next_leg, self._terms)
            found = self.kernels.apply(kernel, act, event)
        return found

    def _after(self, world: World, applied: Applied) -> World:
        """The world with what a step did to the kernel, its money rebased."""
        if applied.kernel == world.kernel and applied.gain == 0:
            return world
        venue, net = world.venue, world.net
        if applied.retired:
            venue = venue._replace(opened=venue.opened - applied.retired, closed=venue.closed - applied.retired)
        if applied.gain and self.setting.wallet:
            net = tuple(
                f._replace(quantity=f.quantity - applied.gain) if f.kind == FrameKind.WALLET and f.time else f
                for f in net
            )
        return World(applied.kernel, world.gap + applied.gain, venue, net, world.limbo, world.faults, world.trades)

    def _fed(
        self, world: World, act: Act, label: Label, out: list[Move], *, fair: bool = True, always: bool = False
    ) -> None:
        """Feed one input and carry out its command; without room for the command it has to wait."""
        applied = self._apply(world.kernel, act)
        commanded = self._commanded(self._after(world, applied), applied.outcome)
        if commanded is None:
            return
        after, broken = commanded
        if always or after is not world or applied.wrong:
            self._add(out, after, label, fair, ((act, applied),), (*applied.wrong, *broken))

    def _commanded(self, world: World, outcome: Outcome) -> tuple[World, tuple[str, ...]] | None:
        """The world with the outcome's command on its way, and what the command breaks; None if there is no room."""
        if outcome.submit == 0 and outcome.cancel == 0:
            return world, ()
        kind = FrameKind.SUBMIT if outcome.submit else FrameKind.CANCEL
        frame = Frame(kind, outcome.trade, outcome.attempt, outcome.quantity // LOT if outcome.submit else 0)
        if frame in world.net and outcome.cancel:
            return world, ()
        if len(world.net) >= self.setting.net:
            return None
        broken = DOUBLE if outcome.submit and is_known(world, frame) else ()
        return with_net(world, env.with_frame(world.net, frame)), broken

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
        out.append(
            Move(label, fair, World(kernel, world.gap, venue, net, limbo, world.faults, world.trades), fed, wrong)
        )


def with_net(world: World, net: Network) -> World:
    """The world with other frames on their way."""
    return World(world.kernel, world.gap, world.venue, net, world.limbo, world.faults, world.trades)


def is_known(world: World, submit: Frame) -> bool:
    """The order's name was used before."""
    name = (submit.trade, submit.attempt)
    return env.order_named(world.venue, *name) is not None or any(
        (frame.trade, frame.attempt) == name for frame in (*world.net, *world.limbo)
    )


def opened_shop(step: Step, tails: int) -> State:
    """A kernel that is seeded, knows its contract, and may trade."""
    state = initial_state(1, 1)._replace(slots=(Slot(tails=(Tail(),) * tails),))
    for event in (
        inputs.register(
            instrument=0, lot=LOT, tick=TICK, quantity_min=LOT, notional_min=0, price_max=4 * PRICE,
            quantity_max=1000 * LOT, taker_ppb=TAKER_PPB, maker_ppb=TAKER_PPB,
        ),
        inputs.seed(amount=SEED, time_ns=0),
        inputs.set_limits(slot_limit=1, leverage_max_ppm=1_000_000, tolerance=0),
    ):  # fmt: skip
        state, outcome = step(state, event)
        if outcome.verdict != Verdict.ACCEPTED:
            raise ValueError(f"setting up: `{outcome}`; the contract terms do not suit the kernel")
    return state
