"""Kernel, runtime, venue, network and settlement as one transition system: every move from a world.

Liveness is judged on fair moves only. An entry's fills, arbitrary refusals and expiries are not fair, so a slot must
become free without them.
"""

from dita.conformance.explore import acts
from dita.conformance.explore.acts import TARIFF
from dita.conformance.explore.asking import Scene
from dita.conformance.explore.conduct import careless_absence
from dita.conformance.explore.feeding import SEED, UNRESOLVED, Feeding, with_net
from dita.conformance.explore.judgement import broken_by, exposed, is_good, is_quiet
from dita.conformance.explore.kernels import View
from dita.conformance.explore.system import BACK, BROKEN, WHOLE, Faults, Fed, Label, Move, Neighbour, World
from dita.spec import environment as env
from dita.spec import inputs
from dita.spec.environment import Answer, Frame, FrameKind, Order, Venue
from dita.spec.inputs import Input
from dita.spec.vocabulary import IncomeKind, Mode, Phase, RejectReason, Side


class Composition(Feeding):
    """The transition system of one setting. ``step`` and ``conduct`` are the parts under judgement."""

    def start(self) -> World:
        """The first world."""
        s = self.setting
        faults = Faults(s.loss, s.dup, s.wrong, s.external, s.added, s.crash, s.gap, s.cancels)
        return World(self.kernels.start, 0, Venue(), (), (), faults, s.trades, neighbour=Neighbour(0, s.neighbour))

    def broken(self, world: World) -> str | None:
        """The safety property that a world breaks, or None."""
        return broken_by(world, self.view(world), self.setting)

    def is_good(self, world: World) -> bool:
        """Whether the whole system is at rest and right."""
        return is_good(world, self.view(world))

    def is_unresolved(self, world: World) -> bool:
        """Whether the kernel waits to be told what became of an order."""
        return self.view(world).phase in UNRESOLVED

    def is_full(self, world: World) -> bool:
        """Whether the network has no room for one frame more."""
        return len(world.net) >= self.setting.net

    def moves(self, world: World) -> list[Move]:
        """Every transition."""
        out: list[Move] = []
        view = self.view(world)
        self._strategy(world, view, out)
        if view.flight is not None and world.runtime.follows:
            self._timers(world, view, view.flight, out)
        self._readings(world, view, out)
        for event in self._settlements(world, view) if view.unsettled else ():
            self._fed(world, event, ("fill rows settle", None), out)
        if self.setting.rows:
            found = self.conduct.closed_without_us(view, self.kernels.state(world.kernel), world.venue)
            if found is not None:
                self._fed(world, found, ("fill rows show a close without us", None), out)
        for index in env.distinct(world.net):
            self._delivery(world, index, out)
            self._network_fault(world, index, out)
        if world.faults.crash > 0:
            self._crash(world, out)
        self._stream(world, out)
        if self.setting.neighbour:
            self._neighbour(world, out)
        self._latecomers(world, out)
        self._venue(world, view, out)
        return out

    # --- runtime ----------------------------------------------------------------------------------------------------

    def _strategy(self, world: World, view: View, out: list[Move]) -> None:
        place = {"slot": 0, "instrument": 0}
        if self.setting.modes:
            for mode in Mode:
                self._fed(world, inputs.set_mode(mode), ("operator sets mode", mode.name), out, fair=False)
        if view.phase == Phase.IDLE:
            if world.trades != 0:
                left = world._replace(trades=max(-1, world.trades - 1)) if world.trades > 0 else world
                self._fed(left, self.terms.entry(view.high_water + 1), ("strategy enters", None), out, fair=False)
            if self.setting.adjusts and world.gap != 0 and is_quiet(world, view) and not exposed(world.venue):
                now_ns = self.time_ns(world.venue.now)
                event = inputs.income(kind=IncomeKind.ADJUSTMENT, rows=1, total=-world.gap, time_ns=now_ns)
                self._fed(world, event, ("operator adjusts the books", None), out)
            return
        if view.phase == Phase.POSITION_OPEN and view.legs > 1:
            event = inputs.exit_leg(**place, trade=view.trade, leg=view.next_leg)
            self._fed(world, event, ("strategy closes a leg", None), out)
        self._fed(world, inputs.flatten(**place, trade=view.trade), ("operator flattens", None), out)
        if view.phase in (Phase.ENTRY_WORKING, Phase.EXIT_WORKING):
            self._fed(world, inputs.cancel(**place, trade=view.trade), ("operator cancels", None), out)

    def _timers(self, world: World, view: View, name: env.OrderName, out: list[Move]) -> None:
        state = self.kernels.state(world.kernel)
        if view.phase in (Phase.ENTRY_REQUESTED, Phase.EXIT_REQUESTED):
            self._fed(world, self.conduct.timed_out(state), ("submit times out", None), out)
            return
        event = self.conduct.silent(state)
        applied = self.kernels.apply(world.kernel, event)
        if applied.outcome.resolve == 0:
            return
        fed: Fed = (event, applied)
        if self.conduct.begins_again:
            begun = tuple(f for f in world.net if not f.answer)
            if begun != world.net:
                self._add(out, with_net(world, begun), ("silence: the question is asked anew", None), True, (fed,))
        if len(world.net) >= self.setting.net:
            return
        pending = any(f.kind == FrameKind.SUBMIT and (f.trade, f.attempt) == name for f in world.net)
        asked, rounded = world.runtime.asked, int(self.setting.rounded)
        scene = Scene(state, name, world.venue, self.setting.side, pending, rounded)
        if not (asked and pending):
            found = self._looked_up(world.kernel, scene, asked)
            self._answered(world, found, fed, out)
            if self.setting.wrong and world.faults.wrong > 0 and view.flight_seen == 0:
                told = found if isinstance(found, Frame) else None
                if told is None or told.kind == FrameKind.SNAPSHOT:
                    self._wrongly_absent(world, name, fed, out)
        if self.setting.eager and pending and env.order_named(world.venue, *name) is None:
            self._answered(world, careless_absence(name, world.venue, in_time=False), fed, out)
        blind = self._looked_up_blindly(world.kernel, scene)
        if blind is not None:
            self._answered(world, blind, fed, out)

    def _answered(self, world: World, found: Frame | int | None, fed: Fed, out: list[Move]) -> None:
        """The answer of a look-up is on its way, or the look-up has begun and the clock is to be read."""
        if isinstance(found, Frame):
            if found not in world.net:
                after = world._replace(net=env.with_frame(world.net, found), runtime=world.runtime._replace(asked=0))
                self._add(out, after, ("silence: the order is looked up", found), True, (fed,), fed[1].wrong)
        elif found is not None and not world.runtime.asked:
            after = world._replace(runtime=world.runtime._replace(asked=1))
            self._add(out, after, ("silence: the order is asked for, and is not there", None), True, (fed,))

    def _wrongly_absent(self, world: World, name: env.OrderName, fed: Fed, out: list[Move]) -> None:
        """A replica lags or a gateway queues: full evidence of absence for an order that is there or will be."""
        absence = careless_absence(name, world.venue, in_time=True)
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
        due = self.setting.periodic or view.reconcile_required == 1
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

    def _neighbour(self, world: World, out: list[Move]) -> None:
        """The other slot trades one lot at a time; its venue does at once what it is asked, or refuses an entry."""
        slot = self.kernels.state(world.kernel).slots[1]
        held, left = world.neighbour
        match slot.phase:
            case Phase.IDLE if left > 0:
                spent = world._replace(neighbour=Neighbour(held, left - 1))
                self._next_door(spent, acts.next_door_entry(self.view(world).high_water + 1), "enters", out, fair=False)
            case Phase.ENTRY_REQUESTED:
                refused = acts.next_door_refusal(slot.trade)
                self._next_door(world, refused, "is refused", out, fair=False)
                self._next_door(world, acts.next_door_fill(slot.trade, 0), "has its entry filled", out, lots=1)
            case Phase.POSITION_OPEN:
                self._next_door(world, inputs.flatten(slot=1, instrument=1, trade=slot.trade), "flattens", out)
            case Phase.EXIT_REQUESTED:
                fill = acts.next_door_fill(slot.trade, slot.exit.attempt)
                self._next_door(world, fill, "has its exit filled", out, lots=-1)
            case _:
                pass
        for event in acts.next_door_settlements(slot):
            self._next_door(world, event, "is settled", out)

    def _next_door(
        self, world: World, event: Input, action: str, out: list[Move], *, fair: bool = True, lots: int = 0
    ) -> None:
        applied = self.kernels.apply(world.kernel, event)
        if applied.kernel == world.kernel and not applied.wrong:
            return
        held, left = world.neighbour
        cash = env.cash_of(TARIFF, Side.LONG, opens=lots > 0, lots=abs(lots)) if lots else 0
        moved = world._replace(gap=world.gap - cash, neighbour=Neighbour(held + lots, left))
        after = self._after(moved, event, applied)
        self._add(out, after, (f"the neighbour {action}", None), fair, ((event, applied),), applied.wrong)

    # --- network ----------------------------------------------------------------------------------------------------

    def _delivery(self, world: World, index: int, out: list[Move]) -> None:
        frame = world.net[index]
        rest = with_net(world, env.without_frame(world.net, index))
        label: Label = ("arrives", frame)
        match frame.kind:
            case FrameKind.SUBMIT:
                self._submit_arrives(rest, frame, out)
            case FrameKind.CANCEL:
                order = env.order_named(world.venue, frame.trade, frame.attempt)
                if order is None or env.answered(world.venue, frame).answer != Answer.DONE:
                    self._add(out, rest, label, True)
                    return
                self._ended(rest, order, label, out, fair=True)
                if world.faults.cancels > 0:
                    spent = world.faults._replace(cancels=world.faults.cancels - 1)
                    self._add(out, rest._replace(faults=spent), ("cancel has NO EFFECT", frame), False)
            case FrameKind.POSITION:
                self._fed_all(rest, self._reconciled(rest, frame), label, out)
            case _:
                self._fed_all(rest, self._heard(rest, frame), label, out)

    def _submit_arrives(self, rest: World, frame: Frame, out: list[Move]) -> None:
        venue, _, said = env.answered(rest.venue, frame)
        if said is not None:
            self._streamed(rest, venue, said, ("venue admits", frame), out, fair=True)
        reason = env.must_refuse(rest.venue, frame)
        no = env.refusal(rest.venue, frame, reason or RejectReason.REFUSED)
        refused = with_net(rest, env.with_frame(rest.net, no))
        self._add(out, refused, ("venue refuses", frame), reason is not None)
        self._add(out, rest, ("submit misses its deadline", frame), False)

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

    def _crash(self, world: World, out: list[Move]) -> None:
        """The process dies: what was on its way to it is gone; so may be what it had not sent yet."""
        left = world._replace(faults=world.faults._replace(crash=world.faults.crash - 1))
        sent = tuple(f for f in world.net if f.kind in (FrameKind.SUBMIT, FrameKind.CANCEL))
        self._restarted(with_net(left, sent), ("CRASH, restart", "requests had left"), out)
        if sent:
            self._restarted(with_net(left, ()), ("CRASH, restart", "requests had not left"), out)

    def _stream(self, world: World, out: list[Move]) -> None:
        """The account stream breaks and comes back; then everything is read that the gap may have hidden."""
        runtime, net = world.runtime, world.net
        if world.faults.gap > 0 and runtime.stream == WHOLE:
            kept = tuple(f for f in net if f.kind != FrameKind.SNAPSHOT or f.answer)
            spent = world.faults._replace(gap=world.faults.gap - 1)
            after = world._replace(net=kept, faults=spent, runtime=runtime._replace(stream=BROKEN))
            self._add(out, after, ("STREAM BREAKS", None), False)
        elif runtime.stream == BROKEN:
            self._add(out, world._replace(runtime=runtime._replace(stream=BACK)), ("stream is back", None), True)
        elif runtime.stream >= BACK:
            found, passes, is_done = self._back_filled(world, runtime.stream - BACK)
            fresh = [frame for frame in found if frame not in net]
            if len(net) + len(fresh) <= self.setting.net:
                stream = WHOLE if is_done else BACK + passes
                after = world._replace(net=tuple(sorted((*net, *fresh))), runtime=runtime._replace(stream=stream))
                self._add(out, after, ("after the gap: orders and fills are read", None), True)

    # --- venue ------------------------------------------------------------------------------------------------------

    def _latecomers(self, world: World, out: list[Move]) -> None:
        for index in env.distinct(world.limbo):
            frame = world.limbo[index]
            rest = world._replace(limbo=env.without_frame(world.limbo, index))
            if env.must_refuse(world.venue, frame) is None and len(world.net) < self.setting.net:
                self._streamed(rest, *env.admitted(world.venue, frame), ("venue admits LATE", frame), out, fair=True)
            self._add(out, rest, ("late submit dies", frame), True)

    def _venue(self, world: World, view: View, out: list[Move]) -> None:
        venue, faults = world.venue, world.faults
        held = env.position_of(venue)
        if faults.external > 0 and held > 0:
            spent = world._replace(faults=faults._replace(external=faults.external - 1))
            for lots in {1, held}:
                after = self._moved(spent, env.closed_by_hand(venue, lots))
                self._add(out, after, ("position is closed BY HAND", lots), False)
        if self.setting.adjusts and view.phase == Phase.ENTRY_UNRESOLVED and held > 0:
            # Beside a position that nobody expects, an entry of unknown fate is never believed absent: a person acts.
            self._add(out, self._moved(world, env.closed_by_hand(venue, 1)), ("operator closes a lot", None), True)
        if faults.added > 0:
            spent = world._replace(faults=faults._replace(added=faults.added - 1))
            self._add(out, self._moved(spent, env.opened_by_hand(venue, 1)), ("a lot is added BY HAND", None), False)
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
        self._ended(world, order, None, out, fair=closes and held == 0)

    def _ended(self, world: World, order: Order, label: Label | None, out: list[Move], *, fair: bool) -> None:
        """An order is over, and the stream says so; in a world of bare ends also without saying with how much."""
        for bare in (False, True) if self.setting.bare else (False,):
            venue, said = env.ended(world.venue, order, bare=bare)
            self._streamed(world, venue, said, label or ("venue ends", said), out, fair=fair)

    def _streamed(self, world: World, venue: Venue, said: Frame, label: Label, out: list[Move], *, fair: bool) -> None:
        """The venue changes and says so on the stream, if it reaches anybody."""
        after = self._moved(world, venue)
        net = after.net if world.runtime.stream == BROKEN else env.with_frame(after.net, said)
        self._add(out, with_net(after, net), label, fair)
