"""What tests of readings share: a wallet reader for an engine room, rows of income, an order that is not ours."""

from contextlib import AbstractAsyncContextManager, nullcontext

from dita.adapters.logic.rows import E18_PER_MONEY_UNIT, Evidence, IncomeRow, OrderRow, OrderState
from dita.runtime.history import History
from dita.runtime.wallet import WalletReader
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide
from scripted_venue import SYMBOL, EngineRoom

QUANTITY = QUANTITY_SCALE // 10


def foreign(order_id: str = "77") -> OrderRow:
    return OrderRow(
        evidence=Evidence.LISTING, symbol=SYMBOL, order_id=order_id, client_order_id="", side=OrderSide.SELL,
        position_side="LONG", state=OrderState.OPEN, status_text="NEW", type_text="LIMIT", ordered_quantity=QUANTITY,
        cum_quantity=0, average_price=None, time_ns=1,
    )  # fmt: skip


def no_quiet() -> AbstractAsyncContextManager[None]:
    return nullcontext()


def wallet_of(room: EngineRoom, dust: int = 0, history: History | None = None) -> WalletReader:
    return WalletReader(
        room.engine, room.venue, room.alerts, history=history or History(1_000_000_000), quiet=no_quiet,
        interval_seconds=15.0, again_seconds=1.0, age_seconds=60.0, income_seconds=60.0, dust=dust,
    )  # fmt: skip


def income_row(kind: str, amount: int, number: int, time_ns: int) -> IncomeRow:
    return IncomeRow("", kind, amount * E18_PER_MONEY_UNIT, "USDT", time_ns, str(number), "")
