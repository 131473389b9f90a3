"""How a world goes on when the kernel is fed: the step, its commands, the journal before them, the new name."""

from collections.abc import Iterable
from typing import Final

from dita.adapters.logic.orders import Snapshot
from dita.conformance.explore import acts
from dita.conformance.explore.acts import LOT, PRICE, TAKER_PPB, TARIFF, TICK, Terms
from dita.conformance.explore.asking import Scene
from dita.conformance.explore.conduct import JOURNALED, Conduct, own_orders
from dita.conformance.explore.judgement import exposed
from dita.conformance.explore.kernels import Applied, Clock, Kernels, Step, View
from dita.conformance.explore.naming import Namer, Told
from dita.conformance.explore.system import BACK, WHOLE, Fed, Label, Move, Runtime, Setting, World
from dita.reference import step as reference_step
from dita.spec import environment as env
from dita.spec import inputs
from dita.spec.environment import Frame, FrameKind, Network, OrderName, Venue
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Slot, State, Tail, initial_state
from dita.spec.vocabulary import Kind, Phase, Verdict

SEED: Final = 1_000_000_00000000  # a million USDT: leverage never refuses
UNRESOLVED: Final = (Phase.ENTRY_UNRESOLVED, Phase.EXIT_UNRESOLVED)


class Feeding:
    """Everything of one setting that is remembered, and the steps of the kernel in it."""

    def __init__(self, setting: Setting, step: Step = reference_step, conduct: Conduct | None = None) -> None:
        if setting.merged and setting.lagging:
            raise ValueError("merged: `True` in a world with lagging readings; give False, the merge would be wrong")
        self.setting = setting
        self.conduct = conduct or Conduct()
        self.conduct.side = setting.side
        self.terms = Terms(setting.lots, tuple(setting.ratios), setting.side)
        clock = Clock(acts.time_ns, acts.rank_of)
        if setting.neighbour and (setting.crash or setting.wrong or setting.external or setting.added):
            raise ValueError("neighbour: not in a world with crashes, wrong absences or other hands; give 0")
        shop = opened_shop(step, setting)
        self.kernels = Kernels(step, shop, LOT, clock, wallet=setting.wallet, judged=setting.judged)
        self._namer = Namer(self.kernels, self._is_news, merged=setting.merged)
        self._look_ups: dict[tuple[int, OrderName, Venue, bool, int], Frame | int | None] = {}
        self._blind: dict[tuple[int, bool], Frame | None] = {}
        self._inputs: dict[tuple[int, Frame, Venue, Told], tuple[Input, ...]] = {}
        self._settled: dict[tuple[int, Venue], list[Input]] = {}
        self._read_up: dict[tuple[int, Venue, Told, int], tuple[list[Frame], int, bool]] = {}
        self._news: dict[tuple[Frame, int, Told], bool] = {}

    def view(self, world: World) -> View:
        """The kernel's side of a world."""
        return self.kernels.views[world.kernel]

    @staticmethod
    def time_ns(rank: int) -> int:
        """Venue time of a rank."""
        return acts.time_ns(rank)

    @staticmethod
    def doubled(frame: Frame) -> tuple[str, ...]:
        """What is said of a name that is used twice."""
        return (f"DOUBLE: the order name {frame.trade}/{frame.attempt} is used twice",)

    # --- what the conduct says, remembered --------------------------------------------------------------------------

    def _looked_up(self, kernel: int, scene: Scene, asked: int) -> Frame | int | None:
        """The answer of a look-up; a number when it pauses before the clock; None when it has to wait."""
        key = (kernel, scene.name, scene.venue, scene.pending, asked)
        if key not in self._look_ups:
            pauses = self.setting.stepwise and scene.pending
            found = self.conduct.looked_up(scene, pauses=pauses, goes_on=asked == 1)
            is_paused = pauses and not isinstance(found, Frame)
            self._look_ups[key] = found if isinstance(found, Frame) else 1 if is_paused else None
        return self._look_ups[key]

    def _looked_up_blindly(self, kernel: int, scene: Scene) -> Frame | None:
        """The answer of a look-up in which no read succeeds: there must be none."""
        key = (kernel, scene.pending)
        if key not in self._blind:
            nothing = Scene(scene.state, scene.name, Venue(), scene.side, scene.pending, readable=False)
            found = self.conduct.looked_up(nothing, pauses=False, goes_on=False)
            self._blind[key] = found if isinstance(found, Frame) else None
        return self._blind[key]

    def _heard(self, world: World, frame: Frame) -> tuple[Input, ...]:
        key = (world.kernel, frame, world.venue, world.runtime.told)
        found = self._inputs.get(key)
        if found is None:
            state, told = self.kernels.state(world.kernel), snapshots(world.runtime.told)
            found = self._inputs[key] = tuple(self.conduct.heard(frame, state, told, world.venue))
        return found

    def _reconciled(self, world: World, frame: Frame) -> tuple[Input, ...]:
        key = (world.kernel, frame, world.venue, world.runtime.told)
        found = self._inputs.get(key)
        if found is None:
            kernel, told = world.kernel, snapshots(world.runtime.told)
            session = self.conduct.reconciled(frame, self.kernels.state(kernel), told, world.venue)
            events = [next(session)]
            try:
                while True:
                    applied = self.kernels.apply(kernel, events[-1])
                    kernel = applied.kernel
                    events.append(session.send((self.kernels.state(kernel), applied.outcome)))
            except StopIteration:
                found = self._inputs[key] = tuple(events)
        return found

    def _settlements(self, world: World, view: View) -> list[Input]:
        key = (world.kernel, world.venue)
        found = self._settled.get(key)
        if found is None:
            found = self._settled[key] = self.conduct.settlement(view, world.venue)
        return found

    def _back_filled(self, world: World, passes: int) -> tuple[list[Frame], int, bool]:
        key = (world.kernel, world.venue, world.runtime.told, passes)
        found = self._read_up.get(key)
        if found is None:
            state, told = self.kernels.state(world.kernel), snapshots(world.runtime.told)
            found = self._read_up[key] = self.conduct.back_filled(passes, state, told, world.venue)
        return found

    def _is_news(self, frame: Frame, kernel: int, told: Told) -> bool:
        key = (frame, kernel, told)
        found = self._news.get(key)
        if found is None:
            found = self._news[key] = self.conduct.is_news(frame, self.kernels.state(kernel), snapshots(told))
        return found

    # --- feeding the kernel -----------------------------------------------------------------------------------------

    def _after(self, world: World, event: Input, applied: Applied) -> World:
        """The world with what a step did to the kernel, its money rebased."""
        runtime = world.runtime
        if event.kind == Kind.ORDER:
            runtime = runtime._replace(told=told_of(runtime.told, self.kernels.state(world.kernel).slots[0], event))
        if applied.kernel == world.kernel and applied.gain == 0:
            return world if runtime is world.runtime else world._replace(runtime=runtime)
        venue, net = world.venue, world.net
        if applied.retired:
            venue = venue._replace(opened=venue.opened - applied.retired, closed=venue.closed - applied.retired)
        if applied.gain and self.setting.wallet:
            net = tuple(
                f._replace(quantity=f.quantity - applied.gain) if f.kind == FrameKind.WALLET and f.time else f
                for f in net
            )
        gap = world.gap + applied.gain
        return world._replace(kernel=applied.kernel, gap=gap, venue=venue, net=net, runtime=runtime)

    def _fed(self, world: World, event: Input, label: Label, out: list[Move], *, fair: bool = True) -> None:
        """Feed one input of our own; if it changes nothing, that is no move."""
        applied = self.kernels.apply(world.kernel, event)
        if applied.kernel == world.kernel and not applied.wrong:
            outcome = applied.outcome
            if applied.gain == 0 and outcome.submit == 0 and (outcome.cancel == 0 or cancel_of(outcome) in world.net):
                return
        self._fed_all(world, (event,), label, out, fair=fair)

    def _fed_all(
        self,
        world: World,
        events: Iterable[Input],
        label: Label,
        out: list[Move],
        *,
        fair: bool = True,
        wrong: tuple[str, ...] = (),
    ) -> None:
        """Feed inputs and carry out their commands; without room for a command it all has to wait."""
        fed: list[Fed] = []
        for event in events:
            applied = self.kernels.apply(world.kernel, event)
            fed.append((event, applied))
            wrong = (*wrong, *applied.wrong, *self._of_wallet(world, event, applied))
            after = self._after(world, event, applied)
            request = request_of(applied.outcome)
            if request is None or (request in after.net and request.kind == FrameKind.CANCEL):
                world = after
                continue
            if len(after.net) >= self.setting.net:
                return
            if request.kind == FrameKind.SUBMIT:
                wrong = (*wrong, *self.doubled(request)) if is_known(after, request) else wrong
                after = after._replace(runtime=after.runtime._replace(follows=1, asked=0))
            if world.faults.crash > 0:
                self._crash_between(world, after, request, label, out)
            world = with_net(after, env.with_frame(after.net, request))
        self._add(out, world, label, fair, tuple(fed), wrong)

    def _of_wallet(self, world: World, event: Input, applied: Applied) -> tuple[str, ...]:
        """What a reading of the wallet leaves that the books, right to the unit and at rest, do not explain."""
        view = self.kernels.views[applied.kernel]
        accepted = event.kind == Kind.WALLET and applied.outcome.verdict == Verdict.ACCEPTED
        if accepted and view.at_rest and world.gap == 0 and not exposed(world.venue) and view.wallet_difference:
            return (f"WALLET: books and wallet are the same, and a difference of {view.wallet_difference} is believed",)
        return ()

    def _crash_between(self, before: World, after: World, request: Frame, label: Label, out: list[Move]) -> None:
        """The process dies between the two effects of an input: the journal has it, or the request has left."""
        journaled = self.conduct.effects[0] == JOURNALED
        world = after if journaled else with_net(before, env.with_frame(before.net, request))
        left = world._replace(faults=world.faults._replace(crash=world.faults.crash - 1))
        sent = tuple(f for f in left.net if f.kind in (FrameKind.SUBMIT, FrameKind.CANCEL))
        what = "journaled and not sent" if journaled else "sent and not journaled"
        self._restarted(with_net(left, sent), (f"{label[0]}, CRASH, restart", what), out)

    def _restarted(self, world: World, label: Label, out: list[Move]) -> None:
        """A new process on this journal: it says what it doubts, and follows what is in flight."""
        state = self.kernels.state(world.kernel)
        follows = int(self.conduct.follows(state))
        stream = BACK if self.setting.gap else WHOLE
        after = world._replace(runtime=Runtime(follows=follows, stream=stream))
        wrong: tuple[str, ...] = ()
        for frame in self.conduct.sent_again(state):
            wrong = (*wrong, *self.doubled(frame)) if is_known(after, frame) else wrong
            after = with_net(after, env.with_frame(after.net, frame))
        self._fed_all(after, self.conduct.restarted(state), label, out, fair=False, wrong=wrong)

    def _moved(self, world: World, venue: Venue) -> World:
        """The venue has changed; a fill moves the wallet."""
        opened, closed = venue.opened - world.venue.opened, venue.closed - world.venue.closed
        cash = 0
        if opened + closed > 0:
            cash = env.cash_of(TARIFF, self.setting.side, opens=opened > 0, lots=opened + closed)
        return world._replace(gap=world.gap - cash, venue=venue)

    def _add(
        self,
        out: list[Move],
        world: World,
        label: Label,
        fair: bool,
        fed: tuple[Fed, ...] = (),
        wrong: tuple[str, ...] = (),
    ) -> None:
        kernel, gap, venue, net, limbo, faults, trades, runtime, neighbour = world
        kernel, venue, net, limbo, told = self._namer.canonical(kernel, venue, net, limbo, runtime.told)
        view = self.kernels.views[kernel]
        follows = runtime.follows if view.flight is not None else 1
        asked = runtime.asked if view.phase in UNRESOLVED else 0
        if (follows, asked, told) != (runtime.follows, runtime.asked, runtime.told):
            runtime = runtime._replace(follows=follows, asked=asked, told=told)
        after = World(kernel, gap, venue, net, limbo, faults, trades, runtime, neighbour)
        out.append(Move(label, fair, after, fed, wrong))


def with_net(world: World, net: Network) -> World:
    """The world with other frames on their way."""
    return world._replace(net=net)


def request_of(outcome: Outcome) -> Frame | None:
    """The request that an outcome commands."""
    if outcome.submit:
        return Frame(FrameKind.SUBMIT, outcome.trade, outcome.attempt, outcome.quantity // LOT)
    return cancel_of(outcome) if outcome.cancel else None


def cancel_of(outcome: Outcome) -> Frame:
    """The cancel that an outcome commands."""
    return Frame(FrameKind.CANCEL, outcome.trade, outcome.attempt)


def is_known(world: World, submit: Frame) -> bool:
    """The order's name was used before."""
    name = (submit.trade, submit.attempt)
    return env.order_named(world.venue, *name) is not None or any(
        (frame.trade, frame.attempt) == name for frame in (*world.net, *world.limbo)
    )


def snapshots(told: Told) -> dict[OrderName, Snapshot]:
    """What was told, in the units of the adapters' logic."""
    return {
        (trade, attempt): Snapshot(lots * LOT, acts.notional(attempt, lots), over == 1, 0)
        for trade, attempt, lots, over in told
    }


def told_of(told: Told, slot: Slot, event: Input) -> Told:
    """What the kernel was told of orders that are not its own, this input included."""
    name = (event.trade, event.attempt)
    if name in own_orders(slot):
        return told
    known = {(trade, attempt): (lots, over) for trade, attempt, lots, over in told}
    lots, over = known.get(name, (0, 0))
    known[name] = (max(lots, event.quantity // LOT), max(over, event.done))
    return tuple(sorted((*key, *value) for key, value in known.items()))


def opened_shop(step: Step, setting: Setting) -> State:
    """A kernel that is seeded, knows its contracts, and may trade: a slot for each contract."""
    contracts = 2 if setting.neighbour else 1
    state = initial_state(contracts, contracts)._replace(slots=(Slot(tails=(Tail(),) * setting.tails),) * contracts)
    terms = [
        inputs.register(
            instrument=number, lot=LOT, tick=TICK, quantity_min=LOT, notional_min=0, price_max=4 * PRICE,
            quantity_max=1000 * LOT, taker_ppb=TAKER_PPB, maker_ppb=TAKER_PPB,
        )
        for number in range(contracts)
    ]  # fmt: skip
    for event in (
        *terms,
        inputs.seed(amount=SEED, time_ns=0),
        inputs.set_limits(slot_limit=setting.slot_limit, leverage_max_ppm=1_000_000, tolerance=0),
    ):
        state, outcome = step(state, event)
        if outcome.verdict != Verdict.ACCEPTED:
            raise ValueError(f"setting up: `{outcome}`; the contract terms do not suit the kernel")
    return state
