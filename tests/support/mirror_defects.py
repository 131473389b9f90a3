"""Defects of either venue of the mirror: each takes one rule away, in this process, for one test.

``OF_THE_SIMULATOR`` and ``OF_THE_MODEL`` say in what the two venues then have to differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from dita.adapters.exchange import rest, rest_trade
from dita.adapters.exchange.account import Account
from dita.adapters.exchange.admission import check_admission
from dita.adapters.exchange.conditional import closing_side
from dita.adapters.exchange.errors import ALREADY_DONE, VenueError
from dita.adapters.exchange.events import OrderUpdate
from dita.adapters.exchange.frames import order_frame
from dita.adapters.exchange.matching import Engine
from dita.adapters.exchange.orders import Fill, Order
from dita.adapters.exchange.rest import RestApi
from dita.adapters.exchange.rest_routes import SWAP, Call
from dita.adapters.exchange.wire import order_row
from dita.spec import environment as env
from dita.spec.environment import Answer, Answered, Frame, FrameKind, Venue

Defect = Callable[[pytest.MonkeyPatch], None]

# In what two venues can differ.
FRAMES: Final = frozenset({"frames of the stream"})
SUBMITS: Final = frozenset({"the answer to a submit", "the answer to a close by hand"})
CANCELS: Final = frozenset({"the answer to a cancel", "the answer to a cancel by hand"})
ORDER: Final = frozenset({"an order"})
POSITION: Final = frozenset({"position"})
OPEN_ORDERS: Final = frozenset({"open orders"})
WALLET: Final = frozenset({"wallet"})


# -- the simulator


def late_requests_are_taken(patch: pytest.MonkeyPatch) -> None:
    """The receive window is not looked at."""

    def never(*_: object) -> None:
        return

    patch.setattr(RestApi, "_check_clock", never)


def frames_tell_the_last_fill(patch: pytest.MonkeyPatch) -> None:
    """The stream says what a fill was, not what has filled so far."""

    def frame(update: OrderUpdate, *words: Any) -> str:
        return order_frame(update if update.fill is None else update._replace(executed=update.fill.quantity), *words)

    patch.setattr("dita.adapters.exchange.venue.order_frame", frame)


def an_ended_order_forgets_its_fills(patch: pytest.MonkeyPatch) -> None:
    """Asked for an order that was cancelled partly filled, the exchange says that nothing had filled."""

    def row(order: Order, *words: Any) -> object:
        return order_row(replace(order, executed=0) if order.status == "CANCELLED" else order, *words)

    patch.setattr(rest_trade, "order_row", row)


def a_filled_order_is_cancelled(patch: pytest.MonkeyPatch) -> None:
    """Who cancels what is over is told that it was cancelled."""
    real = rest_trade.cancel_one

    def cancelled(call: Call, *words: Any) -> object:
        try:
            return real(call, *words)
        except VenueError as error:
            if error.code != ALREADY_DONE:
                raise
            return {}

    patch.setattr(rest_trade, "cancel_one", cancelled)


def an_exit_may_flip(patch: pytest.MonkeyPatch) -> None:
    """A reduce-only order fills although nothing is left to reduce."""

    def all_of_it(_: Engine, __: Account, order: Order) -> int:
        return order.remaining

    patch.setattr(Engine, "_fillable", all_of_it)


def exits_reserve_nothing(patch: pytest.MonkeyPatch) -> None:
    """Two exits may ask for the same lots."""

    def nothing(*_: object) -> int:
        return 0

    patch.setattr(Account, "reserved", nothing)


def a_client_id_is_taken_twice(patch: pytest.MonkeyPatch) -> None:
    """A second submit under a client id makes a second order."""

    def check(*words: Any, **_: object) -> None:
        check_admission(*words, accept_duplicate=True)

    patch.setattr("dita.adapters.exchange.matching.check_admission", check)


def a_client_id_is_free_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """A client id is refused only while its order is open."""
    real = Account.finish_order

    def finish(self: Account, order: Order) -> None:
        real(self, order)
        self.used_client_ids.pop(order.client_id, None)

    patch.setattr(Account, "finish_order", finish)


def a_refusal_spends_the_client_id(patch: pytest.MonkeyPatch) -> None:
    """A refused submit leaves its client id behind."""
    real = Engine.check

    def check(self: Engine, account: Account, new: Any, **words: Any) -> object:
        try:
            return real(self, account, new, **words)
        except VenueError:
            account.used_client_ids[new.client_id] = None
            raise

    patch.setattr(Engine, "check", check)


def lags(path: str) -> Defect:
    """A listing that shows what the one before it should have shown."""

    def defect(patch: pytest.MonkeyPatch) -> None:
        route = rest.ROUTES["GET", path]
        kept: list[object] = []

        def late(call: Call) -> object:
            kept.append(route.handler(call))
            return kept[max(0, len(kept) - 2)]

        patch.setitem(rest.ROUTES, ("GET", path), replace(route, handler=late))

    return defect


def ends_are_not_told(patch: pytest.MonkeyPatch) -> None:
    """The stream does not say that an order was cancelled."""
    real = Engine._tell_order  # pyright: ignore[reportPrivateUsage] - it is taken away

    def tell(self: Engine, account: Account, order: Order, execution: Any, now_ns: int) -> None:
        if execution != "CANCELED":
            real(self, account, order, execution, now_ns)

    patch.setattr(Engine, "_tell_order", tell)


def a_finished_order_is_unknown(patch: pytest.MonkeyPatch) -> None:
    """Asked for an order that is over, the exchange knows none."""
    real = Account.finish_order

    def finish(self: Account, order: Order) -> None:
        real(self, order)
        self.by_client_id.pop(order.client_id, None)

    patch.setattr(Account, "finish_order", finish)


def a_part_costs_no_fee(patch: pytest.MonkeyPatch) -> None:
    """The fee is taken only for orders of more than one lot that fill at once."""
    real = Account.charge_commission

    def charge(self: Account, fill: Fill) -> None:
        if self.orders[fill.order_id].remaining == 0:
            real(self, fill)

    patch.setattr(Account, "charge_commission", charge)


def the_dead_man_sleeps(patch: pytest.MonkeyPatch) -> None:
    """The timer that nobody winds again cancels nothing."""

    def never(*_: object) -> None:
        return

    patch.setattr(Engine, "arm_dead_man", never)


def a_hand_leaves_exits_standing(patch: pytest.MonkeyPatch) -> None:
    """Closing everything does not cancel the exits that stand in its way."""

    def close(self: Engine, account: Account, symbol: str, now_ns: int) -> list[Order]:
        force = self._force  # pyright: ignore[reportPrivateUsage] - the only close that asks for no reservation
        for position in list(account.open_positions(symbol)):
            price = self.markets[symbol].best_opposite(closing_side(position.quantity))
            force(account, position, position.size, price, "REALIZED_PNL", now_ns)
        return []

    patch.setattr(Engine, "close_all", close)


OF_THE_SIMULATOR: Final[Mapping[str, tuple[Defect, frozenset[str]]]] = {
    "late requests are taken": (late_requests_are_taken, SUBMITS | CANCELS),
    "frames tell the last fill": (frames_tell_the_last_fill, FRAMES),
    "an ended order forgets its fills": (an_ended_order_forgets_its_fills, ORDER),
    "a filled order is cancelled": (a_filled_order_is_cancelled, CANCELS),
    "an exit may flip": (an_exit_may_flip, FRAMES),
    "exits reserve nothing": (exits_reserve_nothing, SUBMITS | CANCELS),
    "a client id is taken twice": (a_client_id_is_taken_twice, FRAMES | SUBMITS),
    "a client id is free after the end": (a_client_id_is_free_after_the_end, FRAMES | SUBMITS),
    "a refusal spends the client id": (a_refusal_spends_the_client_id, SUBMITS),
    "the position lags": (lags(f"{SWAP}/v2/user/positions"), POSITION),
    "open orders lag": (lags(f"{SWAP}/v2/trade/openOrders"), OPEN_ORDERS),
    "ends are not told": (ends_are_not_told, FRAMES),
    "a finished order is unknown": (a_finished_order_is_unknown, ORDER),
    "a part costs no fee": (a_part_costs_no_fee, WALLET),
    "the dead man sleeps": (the_dead_man_sleeps, FRAMES),
    "a hand leaves exits standing": (a_hand_leaves_exits_standing, FRAMES),
}


# -- the model


def the_model_knows_no_deadline(patch: pytest.MonkeyPatch) -> None:
    """A late request does what it asks for."""
    real = env.answered

    def answered(at: Venue, request: Frame, *, late: bool = False) -> Answered:
        del late
        return real(at, request)

    patch.setattr(env, "answered", answered)


def a_name_is_used_twice(patch: pytest.MonkeyPatch) -> None:
    """A second submit under a name is admitted."""
    real = env.answered

    def answered(at: Venue, request: Frame, *, late: bool = False) -> Answered:
        found = real(at, request, late=late)
        if found.answer != Answer.NAME_USED:
            return found
        after, said = env.admitted(at, request)
        return Answered(after, Answer.DONE, said)

    patch.setattr(env, "answered", answered)


def reservations_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A new exit may ask for lots that another one holds."""
    patch.setattr(env, "reducible", env.position_of)


def fills_are_not_cumulative(patch: pytest.MonkeyPatch) -> None:
    """A second fill takes the place of the first."""
    real = env.filled

    def filled(at: Venue, order: env.Order, lots: int) -> tuple[Venue, Frame]:
        after, said = real(at, order, lots)
        return after, said._replace(quantity=lots)

    patch.setattr(env, "filled", filled)


def an_exit_opens(patch: pytest.MonkeyPatch) -> None:
    """The lots of an exit are added to the position."""
    real = env.filled

    def filled(at: Venue, order: env.Order, lots: int) -> tuple[Venue, Frame]:
        after, said = real(at, order, lots)
        return after._replace(opened=at.opened + lots, closed=at.closed), said

    patch.setattr(env, "filled", filled)


def the_end_forgets_fills(patch: pytest.MonkeyPatch) -> None:
    """An order that ends has filled nothing."""
    real = env.ended

    def ended(at: Venue, order: env.Order) -> tuple[Venue, Frame]:
        return real(at, order._replace(filled=0))

    patch.setattr(env, "ended", ended)


def the_end_leaves_it_open(patch: pytest.MonkeyPatch) -> None:
    """An order that has ended is still on the book."""
    real = env.ended

    def ended(at: Venue, order: env.Order) -> tuple[Venue, Frame]:
        after, said = real(at, order)
        return after._replace(orders=at.orders), said

    patch.setattr(env, "ended", ended)


def what_is_over_is_cancelled(patch: pytest.MonkeyPatch) -> None:
    """A cancel of an order that is over is answered as if it had done something."""
    real = env.answered

    def answered(at: Venue, request: Frame, *, late: bool = False) -> Answered:
        found = real(at, request, late=late)
        return found._replace(answer=Answer.DONE) if found.answer == Answer.OVER else found

    patch.setattr(env, "answered", answered)


def a_reading_names_what_is_over(patch: pytest.MonkeyPatch) -> None:
    """A position reading lists every order as open."""

    def reading(at: Venue) -> Frame:
        names = tuple((order.trade, order.attempt) for order in at.orders)
        return Frame(FrameKind.POSITION, quantity=env.position_of(at), time=at.now, orders=names)

    patch.setattr(env, "position_reading", reading)


def a_hand_closes_nothing(patch: pytest.MonkeyPatch) -> None:
    """What another hand closes is still held."""

    def closed(at: Venue, lots: int) -> Venue:
        del lots
        return at._replace(now=at.now + 1)

    patch.setattr(env, "closed_by_hand", closed)


def fills_cost_nothing(patch: pytest.MonkeyPatch) -> None:
    """Cash moves by the notional alone."""
    real = env.cash_of

    def cash(tariff: env.Tariff, *words: Any, **more: Any) -> int:
        return real(tariff._replace(entry_fee=0, exit_fee=0), *words, **more)

    patch.setattr(env, "cash_of", cash)


def a_position_costs_nothing(patch: pytest.MonkeyPatch) -> None:
    """The wallet is the cash, whatever is held."""

    def cost(*_: object) -> int:
        return 0

    patch.setattr(env, "position_cost", cost)


def an_end_keeps_its_old_time(patch: pytest.MonkeyPatch) -> None:
    """The last snapshot of an order is dated to the one before it."""
    real = env.ended

    def ended(at: Venue, order: env.Order) -> tuple[Venue, Frame]:
        after, said = real(at, order)
        return after, said._replace(time=order.time)

    patch.setattr(env, "ended", ended)


OF_THE_MODEL: Final[Mapping[str, tuple[Defect, frozenset[str]]]] = {
    "the model knows no deadline": (the_model_knows_no_deadline, SUBMITS | CANCELS),
    "a name is used twice": (a_name_is_used_twice, FRAMES | SUBMITS),
    "reservations are forgotten": (reservations_are_forgotten, SUBMITS | CANCELS),
    "fills are not cumulative": (fills_are_not_cumulative, FRAMES),
    "an exit opens": (an_exit_opens, POSITION),
    "the end forgets fills": (the_end_forgets_fills, FRAMES),
    "the end leaves it open": (the_end_leaves_it_open, OPEN_ORDERS),
    "what is over is cancelled": (what_is_over_is_cancelled, CANCELS),
    "a reading names what is over": (a_reading_names_what_is_over, OPEN_ORDERS),
    "a hand closes nothing": (a_hand_closes_nothing, POSITION),
    "fills cost nothing": (fills_cost_nothing, WALLET),
    "a position costs nothing": (a_position_costs_nothing, WALLET),
    "an end keeps its old time": (an_end_keeps_its_old_time, FRAMES),
}
