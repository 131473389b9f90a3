"""Reads and settings: what the venue says about itself, the account, orders, fills and income, as integer rows.

Every method raises a ``VenueError`` (NoReply, BadReply, VenueRefused) when the answer is not certain: a failed read
says nothing, and an incomplete listing is a failed read, never a short one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from random import Random
from typing import Final, Self

from pydantic import SecretStr

from dita.adapters.bingx.api import Answer, Api, judge
from dita.adapters.bingx.clock import Clock, ClockOffset, ClockSample
from dita.adapters.bingx.contracts import Contract, ContractMessage, contract_from
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.endpoints import (
    ALL_ORDERS,
    BALANCE,
    CANCEL_ALL_AFTER,
    COMMISSION_RATE,
    CONTRACTS,
    CREATE_LISTEN_KEY,
    DELETE_LISTEN_KEY,
    EXTEND_LISTEN_KEY,
    FILL_HISTORY,
    FULL_ORDER,
    INCOME,
    KEY_PERMISSIONS,
    LEVERAGE,
    MARGIN_MODE,
    OPEN_ORDERS,
    POSITION_MODE,
    POSITIONS,
    PREMIUM_INDEX,
    QUERY_ORDER,
    SET_LEVERAGE,
    SET_MARGIN_MODE,
    SET_POSITION_MODE,
    TEST_SUBMIT,
    Endpoint,
    Hosts,
)
from dita.adapters.bingx.errors import BadReply, Call, ErrorClass, NoReply, VenueRefused, classify
from dita.adapters.bingx.json_text import as_list, as_object
from dita.adapters.bingx.limiter import Rank
from dita.adapters.bingx.listings import (
    FINE_SPLIT_NS_MIN,
    PAGE_ROWS,
    WindowFull,
    converted,
    fine_overlap_ns,
    of_symbol,
    read_windows,
    rows_of,
    time_range,
)
from dita.adapters.bingx.messages import (
    BalanceMessage,
    CommissionMessage,
    FillMessage,
    IncomeMessage,
    KeyPermissionsMessage,
    LeverageMessage,
    ListenKeyMessage,
    MarginModeMessage,
    MessageError,
    OrderMessage,
    PositionMessage,
    PositionModeMessage,
    PremiumMessage,
    SwitchMessage,
    read_message,
)
from dita.adapters.bingx.transport import Failure, Timeouts, Transport
from dita.adapters.logic.rows import BalanceRow, Evidence, FillRow, IncomeRow, OrderRow, OrderState, PositionRow
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.vocabulary import Side

_PAGES_MAX: Final = 100


class MarginMode(Enum):
    """How a symbol's positions share the wallet."""

    CROSSED = "CROSSED"
    ISOLATED = "ISOLATED"
    SEPARATE_ISOLATED = "SEPARATE_ISOLATED"  # hedge mode only; closing needs the position's id


class PositionMode(Enum):
    """Account-wide: two positions a symbol (HEDGE) or one that can flip (ONE_WAY)."""

    HEDGE = "hedge"
    ONE_WAY = "one-way"


@dataclass(frozen=True, slots=True)
class Leverage:
    """Leverage of both sides of a symbol; a largest of 0 means the venue did not say."""

    long: int
    short: int
    long_max: int
    short_max: int


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What the API key may do. ``is_bound``: from the addresses on its list only."""

    trades: bool
    withdraws: bool
    transfers: bool
    is_bound: bool


@dataclass(slots=True)
class BingxRest:
    """Reads and settings of one account."""

    api: Api

    @classmethod
    def connect(
        cls,
        hosts: Hosts,
        credentials: Credentials | None,
        clock: Clock,
        rng: Random,
        *,
        recv_window_ms: int = 2000,
        timeouts: Timeouts | None = None,
    ) -> Self:
        """Make the whole chain down to the connections, which open when needed. Close it with ``aclose``."""
        transport = Transport(credentials, clock, timeouts=timeouts or Timeouts(), recv_window_ms=recv_window_ms)
        return cls(Api(transport, hosts, rng))

    async def aclose(self) -> None:
        """Release every connection. Calling it again is harmless."""
        await self.api.transport.aclose()

    # ---- clock

    async def server_time(self) -> ClockSample:
        """The venue's clock, fresh: ``.server_ns``."""
        return await self.api.server_time()

    async def sync_clock(self) -> ClockOffset:
        """Measure the venue's clock and sign with it from now on; repeat every few minutes."""
        return await self.api.sync_clock()

    async def probe_receive_window(self) -> bool:
        """Whether signed reads work with ``recvWindow``; if only that fails, fall back to the venue's default window.

        Call once at start-up. Raises VenueError when signed reads fail either way.
        """
        try:
            await self.api.read(POSITION_MODE, {})
        except VenueRefused as error:
            if error.meaning.klass not in (ErrorClass.AUTH, ErrorClass.CLOCK):  # how a refused recvWindow has been told
                raise
            self.api.transport.send_recv_window = False
            try:
                await self.api.read(POSITION_MODE, {})
            except VenueRefused:
                self.api.transport.send_recv_window = True
                raise
        return self.api.transport.send_recv_window

    async def stale_timestamp_is_refused(self, test_order: Mapping[str, str]) -> bool:
        """Whether an order with a timestamp beyond the window is refused as such; asked of the call that never matches.

        The absence of an order may be believed only where this holds (clause U4). Raises NoReply when not answered.
        """
        age_ns = self.api.transport.window_ns + 60 * NANOSECONDS_PER_SECOND
        result = await self.api.transport.exchange(self.api.hosts.rest, TEST_SUBMIT, test_order, age_ns=age_ns)
        if isinstance(result, Failure):
            raise _no_reply(TEST_SUBMIT, result)
        meaning = judge(result, Call.SUBMIT).meaning
        return meaning is not None and meaning.klass is ErrorClass.CLOCK

    # ---- public and account reference

    async def contracts(self, symbols: Sequence[str]) -> dict[str, Contract]:
        """Terms of the named symbols. Raises BadReply naming a symbol that is not listed or does not fit the books."""
        answer = await self.api.read(CONTRACTS, {})
        rows = [row for row in rows_of(CONTRACTS, answer.data) if (as_object(row) or {}).get("symbol") in list(symbols)]
        found: dict[str, Contract] = {}
        for contract in converted(CONTRACTS, _contract, rows):
            if contract.symbol in found:
                raise BadReply(CONTRACTS.name, f"`{contract.symbol}` is listed twice")
            found[contract.symbol] = contract
        missing = sorted(set(symbols) - found.keys())
        if missing:
            raise BadReply(CONTRACTS.name, f"`{', '.join(missing)}` not listed; check the symbol, as in `BTC-USDT`")
        return found

    async def terms(self, symbols: Sequence[str]) -> dict[str, Contract]:
        """Terms of the named symbols for this account: its own fee rates, which win over listed ones, and funding."""
        taker_ppb, maker_ppb = await self.commission_rates()
        hours = await self._funding_hours(symbols)
        return {
            symbol: replace(contract, taker_ppb=taker_ppb, maker_ppb=maker_ppb, funding_hours=hours.get(symbol, 0))
            for symbol, contract in (await self.contracts(symbols)).items()
        }

    async def _funding_hours(self, symbols: Sequence[str]) -> dict[str, int]:
        """Hours between two fundings, of the symbols for which the venue says them."""
        answer = await self.api.read(PREMIUM_INDEX, {})
        rows = [row for row in rows_of(PREMIUM_INDEX, answer.data) if (as_object(row) or {}).get("symbol") in symbols]
        said = [row for row in rows if "fundingIntervalHours" in (as_object(row) or {})]
        return {row.symbol: row.funding_hours for row in converted(PREMIUM_INDEX, _premium, said)}

    async def balance(self, asset: str) -> BalanceRow:
        """The wallet of one settlement asset (USDT, or VST on the demo venue). Missing is an error, not zero."""
        answer = await self.api.read(BALANCE, {})
        single = as_object(answer.data)
        if single is not None and "balance" in single:  # the older form: one object
            inner = single["balance"]
            documents: list[object] = as_list(inner) or [inner]
        else:
            documents = rows_of(BALANCE, answer.data)
        mine = [row for row in documents if (as_object(row) or {}).get("asset") == asset]
        if len(mine) != 1:
            raise BadReply(BALANCE.name, f"`{len(mine)}` rows for asset `{asset}`; expected one")
        return converted(BALANCE, lambda row: read_message(BalanceMessage, row, f"wallet `{asset}`").to_row(), mine)[0]

    async def positions(self, symbol: str | None = None) -> tuple[PositionRow, ...]:
        """Every open position (of one symbol). A complete list: a side that is not in it is flat."""
        answer = await self.api.read(POSITIONS, {} if symbol is None else {"symbol": symbol})
        documents = rows_of(POSITIONS, answer.data)
        if symbol is not None:
            documents = of_symbol(POSITIONS, documents, symbol)
        rows = converted(POSITIONS, _position_row, documents)
        return tuple(row for row in rows if row is not None)

    async def position_mode(self) -> PositionMode:
        """Hedge or one-way."""
        answer = await self.api.read(POSITION_MODE, {})
        (message,) = converted(
            POSITION_MODE, lambda row: read_message(PositionModeMessage, row, "position mode"), [answer.data]
        )
        return PositionMode.HEDGE if message.is_hedge else PositionMode.ONE_WAY

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Switch the account's mode; the venue refuses it while anything is open on any symbol."""
        parameters = {"dualSidePosition": "true" if mode is PositionMode.HEDGE else "false"}
        await self.api.read(SET_POSITION_MODE, parameters, Rank.OPENING, idempotent=False)

    async def margin_mode(self, symbol: str) -> MarginMode:
        """The margin mode of a symbol. Raises BadReply for a mode we do not know."""
        answer = await self.api.read(MARGIN_MODE, {"symbol": symbol})
        (message,) = converted(
            MARGIN_MODE, lambda row: read_message(MarginModeMessage, row, "margin mode"), [answer.data]
        )
        try:
            return MarginMode(message.mode.upper())
        except ValueError:
            raise BadReply(MARGIN_MODE.name, f"marginType `{message.mode}` is not a mode we know") from None

    async def set_margin_mode(self, symbol: str, mode: MarginMode) -> None:
        """Set the margin mode of a symbol; the venue refuses it while an order or a position of it is open."""
        parameters = {"symbol": symbol, "marginType": mode.value}
        await self.api.read(SET_MARGIN_MODE, parameters, Rank.OPENING, idempotent=False)

    async def leverage(self, symbol: str) -> Leverage:
        """Leverage in force for both sides of a symbol."""
        answer = await self.api.read(LEVERAGE, {"symbol": symbol})
        (message,) = converted(LEVERAGE, lambda row: read_message(LeverageMessage, row, "leverage"), [answer.data])
        return Leverage(message.long, message.short, message.long_max, message.short_max)

    async def set_leverage(self, symbol: str, side: Side, leverage: int) -> None:
        """Set the leverage of one side (hedge) or of the symbol (``Side.NONE``: one-way). A positive whole number."""
        if leverage < 1:
            raise ValueError(f"leverage: `{leverage}` is not positive")
        name = {Side.LONG: "LONG", Side.SHORT: "SHORT", Side.NONE: "BOTH"}[side]
        parameters = {"symbol": symbol, "side": name, "leverage": str(leverage)}
        await self.api.read(SET_LEVERAGE, parameters, Rank.OPENING, idempotent=False)

    async def commission_rates(self) -> tuple[int, int]:
        """(taker, maker) of the account, parts per billion."""
        answer = await self.api.read(COMMISSION_RATE, {})
        inner = (as_object(answer.data) or {}).get("commission")
        (rates,) = converted(COMMISSION_RATE, _commission_rates, [inner])
        return rates

    async def key_permissions(self) -> KeyPermissions:
        """What this key may do (BingX, account page "Query API Key Permissions"). Raises VenueError."""
        answer = await self.api.read(KEY_PERMISSIONS, {})
        (said,) = converted(
            KEY_PERMISSIONS, lambda row: read_message(KeyPermissionsMessage, row, "key permissions"), [answer.data]
        )
        return KeyPermissions(said.trades, said.withdraws, said.transfers, said.is_bound)

    # ---- orders

    async def query_by_client_id(self, symbol: str, client_order_id: str) -> OrderRow | None:
        """The order with our id, or None: the venue answered that it knows none (which proves nothing by itself).

        Raises BadReply when the reply is about some other order, or about one without a client id.
        """
        row = await self._query({"symbol": symbol, "clientOrderId": client_order_id}, symbol)
        if row is not None and row.client_order_id != client_order_id.lower():
            raise BadReply(QUERY_ORDER.name, f"asked for `{client_order_id}`, answered about `{row.client_order_id}`")
        return row

    async def query_by_order_id(self, symbol: str, order_id: str) -> OrderRow | None:
        """The order with the venue's id, or None when the venue answered that it knows none."""
        row = await self._query({"symbol": symbol, "orderId": order_id}, symbol)
        if row is not None and row.order_id != order_id:
            raise BadReply(QUERY_ORDER.name, f"asked for order `{order_id}`, answered about `{row.order_id}`")
        return row

    async def _query(self, parameters: dict[str, str], symbol: str) -> OrderRow | None:
        try:
            answer = await self.api.read(QUERY_ORDER, parameters)
        except VenueRefused as error:
            if error.meaning.klass is ErrorClass.NOT_FOUND:
                return None
            raise
        data = as_object(answer.data)
        inner = as_object((data or {}).get("order"))
        if not data or not inner:  # code 0 with nothing in it is this venue's other way to say: unknown
            return None
        (row,) = converted(QUERY_ORDER, self._queried_row, [inner])
        if row.symbol != symbol:
            raise BadReply(QUERY_ORDER.name, f"asked about `{symbol}`, answered about `{row.symbol}`")
        return row

    async def open_orders(self, symbol: str) -> tuple[OrderRow, ...]:
        """Every resting order of a symbol, ours or not, conditional ones included."""
        answer = await self.api.read(OPEN_ORDERS, {"symbol": symbol})
        rows = of_symbol(OPEN_ORDERS, rows_of(OPEN_ORDERS, answer.data, "orders"), symbol)
        return tuple(converted(OPEN_ORDERS, self._order_row, rows))

    async def all_orders(self, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        """The order history of a symbol in a time range (UTC nanoseconds)."""
        return await self._order_history(ALL_ORDERS, symbol, start_ns, end_ns)

    async def full_orders(self, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        """Orders of every state of a symbol in a time range (UTC nanoseconds)."""
        return await self._order_history(FULL_ORDER, symbol, start_ns, end_ns)

    async def _order_history(self, endpoint: Endpoint, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        async def window(from_ns: int, to_ns: int) -> Sequence[OrderRow]:
            parameters = {
                "symbol": symbol,
                "limit": str(PAGE_ROWS),
                **time_range("startTime", "endTime", from_ns, to_ns),
            }
            answer = await self.api.read(endpoint, parameters)
            documents = rows_of(endpoint, answer.data, "orders")
            if len(documents) >= PAGE_ROWS:  # rows of other symbols count, too
                raise WindowFull
            return converted(endpoint, self._order_row, of_symbol(endpoint, documents, symbol))

        rows = await read_windows(endpoint, start_ns, end_ns, window)
        return tuple({row.order_id: row for row in rows}.values())

    def _queried_row(self, row: object) -> OrderRow:
        return self._noticed(read_message(OrderMessage, row, "order").to_row(Evidence.QUERY))

    def _order_row(self, row: object) -> OrderRow:
        return self._noticed(read_message(OrderMessage, row, "order").to_row(Evidence.LISTING))

    def _noticed(self, row: OrderRow) -> OrderRow:
        if row.state is OrderState.OTHER:
            self.api.notices.tell(f"order: status `{row.status_text}` is no status we know; taken as not over")
        return row

    async def fill_history(
        self, symbol: str, start_ns: int, end_ns: int, order_id: str | None = None
    ) -> tuple[FillRow, ...]:
        """Every match of a symbol (of one order) in a time range, once each, oldest first."""

        async def window(from_ns: int, to_ns: int) -> Sequence[FillRow]:
            parameters = {
                "symbol": symbol,
                "pageSize": str(PAGE_ROWS),
                **time_range("startTs", "endTs", from_ns, to_ns),
            }
            if order_id is not None:
                parameters["orderId"] = order_id
            return await self._fill_pages(symbol, parameters)

        found: dict[str, FillRow] = {}
        for row in await read_windows(FILL_HISTORY, start_ns, end_ns, window):
            known = found.setdefault(row.trade_id, row)
            if known != row:
                raise BadReply(
                    FILL_HISTORY.name, f"trade `{row.trade_id}` was told in two ways; nothing can be settled"
                )
        rows = (row for row in found.values() if order_id is None or row.order_id == order_id)
        return tuple(sorted(rows, key=lambda row: (row.time_ns, row.trade_id)))

    async def _fill_pages(self, symbol: str, parameters: dict[str, str]) -> list[FillRow]:
        rows: list[FillRow] = []
        seen = 0
        for page in range(1, _PAGES_MAX + 1):
            answer = await self.api.read(FILL_HISTORY, {**parameters, "pageIndex": str(page)})
            documents = rows_of(FILL_HISTORY, answer.data, "fill_history_orders")
            seen += len(documents)
            rows += converted(FILL_HISTORY, _fill_row, of_symbol(FILL_HISTORY, documents, symbol))
            total = (as_object(answer.data) or {}).get("total")
            more_said = isinstance(total, int) and total > seen and len(documents) > 0
            if len(documents) < PAGE_ROWS and not more_said:
                return rows
        raise BadReply(FILL_HISTORY.name, f"more than `{_PAGES_MAX}` pages; ask for a shorter time range")

    async def income(
        self, start_ns: int, end_ns: int, income_type: str | None = None, symbol: str | None = None
    ) -> tuple[IncomeRow, ...]:
        """The account's income statement in a time range, once each, oldest first. The venue keeps three months."""

        async def window(from_ns: int, to_ns: int) -> Sequence[IncomeRow]:
            overlap_ns = fine_overlap_ns(from_ns, to_ns)
            moments = time_range("startTime", "endTime", from_ns, to_ns, overlap_ns=overlap_ns)
            parameters = {"limit": str(PAGE_ROWS), **moments}
            if income_type is not None:
                parameters["incomeType"] = income_type
            if symbol is not None:
                parameters["symbol"] = symbol
            answer = await self.api.read(INCOME, parameters)
            documents = rows_of(INCOME, answer.data)
            if len(documents) >= PAGE_ROWS:
                raise WindowFull
            return converted(INCOME, _income_row, documents)

        found: dict[tuple[str, str, str], IncomeRow] = {}
        for row in await read_windows(INCOME, start_ns, end_ns, window, split_ns_min=FINE_SPLIT_NS_MIN):
            known = found.setdefault((row.transaction_id, row.symbol, row.type_text), row)
            if known != row:
                raise BadReply(INCOME.name, f"transaction `{row.transaction_id}` was told in two ways")
        return tuple(sorted(found.values(), key=lambda row: (row.time_ns, row.transaction_id)))

    # ---- listen key and dead-man switch

    async def create_listen_key(self) -> SecretStr:
        """A key that opens the account stream for an hour. It reads the account: treat it as a secret."""
        result = await self.api.call(CREATE_LISTEN_KEY, {}, Call.QUERY, rank=Rank.READING)
        if isinstance(result, Failure):
            raise _no_reply(CREATE_LISTEN_KEY, result)
        for document in (result.root, result.data):  # bare on the wire, wrapped on the venue's page
            key = _listen_key(document)
            if result.reply.status == 200 and key is not None:
                return key
        raise _refused(CREATE_LISTEN_KEY, result)

    async def extend_listen_key(self, listen_key: SecretStr) -> None:
        """Another hour for the key. Raises VenueRefused when the venue no longer knows it."""
        await self._listen_key_call(EXTEND_LISTEN_KEY, listen_key)

    async def delete_listen_key(self, listen_key: SecretStr) -> None:
        """Invalidate the key at once."""
        await self._listen_key_call(DELETE_LISTEN_KEY, listen_key)

    async def _listen_key_call(self, endpoint: Endpoint, listen_key: SecretStr) -> None:
        result = await self.api.call(
            endpoint, {"listenKey": listen_key.get_secret_value()}, Call.QUERY, rank=Rank.READING
        )
        if isinstance(result, Failure):
            raise _no_reply(endpoint, result)
        # An empty body, `{}` and an envelope with code 0 all say yes here; 204 says that there was no key to act on.
        if result.reply.status != 200 or result.code not in (None, "0"):
            raise _refused(endpoint, result)

    async def cancel_all_after(self, seconds: int) -> None:
        """Arm (10 to 120 s) or with 0 disarm the venue's dead-man switch; refresh it every third of the time.

        Raises BadReply when the venue does not confirm. It cancels *all* orders, protective stops included.
        """
        if seconds != 0 and not 10 <= seconds <= 120:
            raise ValueError(f"seconds: `{seconds}` is neither 0 nor within 10 to 120")
        parameters = {"type": "ACTIVATE", "timeOut": str(seconds)} if seconds else {"type": "CLOSE", "timeOut": "10"}
        answer = await self.api.read(CANCEL_ALL_AFTER, parameters, Rank.CLOSING)
        (message,) = converted(
            CANCEL_ALL_AFTER, lambda row: read_message(SwitchMessage, row, "dead-man switch"), [answer.data]
        )
        wanted = "ACTIVATED" if seconds else "CLOSED"
        if message.status != wanted:
            raise BadReply(
                CANCEL_ALL_AFTER.name,
                f"status `{message.status}` (`{message.note[:100]}`), expected `{wanted}`: the switch is not set",
            )


def _listen_key(document: object) -> SecretStr | None:
    try:
        return read_message(ListenKeyMessage, document, "listen key").listen_key
    except MessageError:
        return None  # the caller says what came instead, without quoting it


def _refused(endpoint: Endpoint, answer: Answer) -> VenueRefused:
    meaning = answer.meaning or classify(Call.QUERY, answer.reply.status, answer.code, answer.text)
    return VenueRefused(endpoint.name, answer.reply.status, answer.code, answer.text, meaning)


def _no_reply(endpoint: Endpoint, failure: Failure) -> NoReply:
    return NoReply(endpoint.name, f"{failure.kind.value}: {failure.detail}")


def _commission_rates(row: object) -> tuple[int, int]:
    return read_message(CommissionMessage, row, "commission").rates_ppb()


def _premium(row: object) -> PremiumMessage:
    return read_message(PremiumMessage, row, "premium index")


def _fill_row(row: object) -> FillRow:
    return read_message(FillMessage, row, "fill").to_row()


def _position_row(row: object) -> PositionRow | None:
    return read_message(PositionMessage, row, "position").to_row()


def _income_row(row: object) -> IncomeRow:
    return read_message(IncomeMessage, row, "income").to_row()


def _contract(row: object) -> Contract:
    return contract_from(read_message(ContractMessage, row, "contract"))
