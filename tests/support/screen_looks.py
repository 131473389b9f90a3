"""Moments for the screen: a busy one that is made up by hand, and how its text is taken down."""

from typing import Any

from dita.runtime.screen.look import Look, Standing
from dita.spec.published.snapshot import (
    AlertView,
    EngineSnapshot,
    GateView,
    Health,
    InstrumentView,
    LatencyView,
    OrderView,
    QuoteView,
    SlotView,
    StreamView,
)

S = 1_000_000_000
NOW_NS = 1_800_000_000 * S  # 2027-01-15 08:00:00 UTC
USDT = 10**8
COIN = 10**8
PRICE = 10**10


def slot(number: int, trade: int, symbol: str, phase: str, **parts: Any) -> SlotView:
    """A live trade that was filled in full, but for the parts given."""
    made = SlotView(
        slot=number, trade=trade, symbol=symbol, side="LONG", phase=phase, began_ns=NOW_NS - 90 * S,
        phase_since_ns=NOW_NS - 42 * S, reference_price_e10_usdt=60_000 * PRICE, ordered_e8_coins=COIN // 50,
        entry_e8_coins=COIN // 50, entry_quote_e8_usdt=1200_02 * USDT // 100, entry_price_e10_usdt=60_001 * PRICE,
        exit_e8_coins=0, exit_quote_e8_usdt=0, held_e8_coins=COIN // 50, exposure_e8_usdt=1200_02 * USDT // 100,
        realised_e8_usdt=0, fee_e8_usdt=60_001_000, legs=2, next_leg=0, is_flattening=False, is_entry_settled=True,
    )  # fmt: skip
    return made._replace(**parts)


def order(view: SlotView, **parts: Any) -> OrderView:
    """The order under way of a slot that leaves."""
    made = OrderView(
        client_order_id=f"q7x2-{view.trade:07d}", slot=view.slot, trade=view.trade, attempt=1, symbol=view.symbol,
        side="SELL", phase=view.phase, ordered_e8_coins=COIN // 100, filled_e8_coins=0, filled_quote_e8_usdt=0,
        limit_price_e10_usdt=0, commanded_ns=NOW_NS - S // 2, send_by_ns=NOW_NS + 2 * S, is_seen=True,
        is_reduce_only=True,
    )  # fmt: skip
    return made._replace(**parts)


OPEN = slot(0, 41, "BTC-USDT", "POSITION_OPEN")
LEAVING = slot(
    1, 40, "BTC-USDT", "EXIT_WORKING", phase_since_ns=NOW_NS - S // 2, exit_e8_coins=COIN // 100,
    held_e8_coins=COIN // 100, exit_quote_e8_usdt=600_51 * USDT // 100, realised_e8_usdt=51 * USDT // 100, next_leg=1,
)  # fmt: skip
LOST = slot(
    2, 42, "ETH-USDT", "ENTRY_UNRESOLVED", side="SHORT", phase_since_ns=NOW_NS - 3 * S, entry_e8_coins=0,
    held_e8_coins=0, entry_quote_e8_usdt=0, entry_price_e10_usdt=0, fee_e8_usdt=0,
    reference_price_e10_usdt=3000 * PRICE, legs=1, is_entry_settled=False, ordered_e8_coins=COIN // 4,
    exposure_e8_usdt=750 * USDT,
)  # fmt: skip

ENGINE = EngineSnapshot(
    journal_tag="q7x2", journal_position=1234, ordinal=0, wall_ns=NOW_NS - S, mode="ACTIVE", slot_limit=16,
    live_slots=3, newest_trade=42, unreconciled=0, unsettled_trades=1, is_seeded=True, is_frozen=False,
    capital_e8_usdt=99_987_65432100, seed_e8_usdt=100_000 * USDT, realised_e8_usdt=-8_34567900,
    fee_e8_usdt=4_02000000, predicted_fee_e8_usdt=62000000, settled_fee_e8_usdt=3_40000000,
    funding_e8_usdt=2000000, transfer_e8_usdt=0,
    adjustment_e8_usdt=0, is_wallet_seen=True, wallet_e8_usdt=99_987_65432100, wallet_ns=NOW_NS - 4 * S,
    difference_e8_usdt=0, tolerance_e8_usdt=0, exposure_e8_usdt=2550_53 * USDT // 100, leverage_max_ppm=3_000_000,
    calibration_ppm=1_000_000, slots=(OPEN, LEAVING, LOST),
    orders=(
        order(LEAVING),
        order(LOST, attempt=0, side="SELL", ordered_e8_coins=COIN // 4, is_seen=False, is_reduce_only=False,
              commanded_ns=NOW_NS - 3 * S, send_by_ns=NOW_NS - S),
    ),
    instruments=(
        InstrumentView("BTC-USDT", COIN * 3 // 100, 0, True, False, 0, NOW_NS - 40 * S, 500_000, 200_000),
        InstrumentView("ETH-USDT", 0, 0, True, False, 0, NOW_NS - 900 * S, 500_000, 200_000),
    ),
)  # fmt: skip

HEALTH = Health(
    made_ns=NOW_NS - S // 10, began_ns=NOW_NS - 3700 * S, sequence=36_981, profile="paper",
    venue="127.0.0.1:9000", account="9f2c71d0a4be@127.0.0.1:9000", is_ready=True, is_opening=True, kept_back="",
    is_journal_sound=True, is_fenced=False, is_in_lockstep=True, steps=1234, certificate="quick",
    image_sha256="5ba5cf0a705ad3a7" * 4, is_signed=False, entries=42, exits=57,
    gates=(
        GateView("ETH-USDT", "SHORT", "DIRECTION", "DC_CONTRADICT", 112, NOW_NS - 7 * S, '{"moved_ppm": 81}'),
        GateView("BTC-USDT", "LONG", "RUNTIME", "INSTRUMENT_BUSY", 9, NOW_NS - 33 * S, "{}"),
        GateView("BTC-USDT", "LONG", "STALE_DATA", "QUOTE_STALE", 1, NOW_NS - 2000 * S, '{"age_ms": 5100}'),
    ),
    streams=(
        StreamView("market stream", True, 1, 1, 0, 400_000_000, NOW_NS - S // 10),
        StreamView("account stream", True, 0, 0, 0, 0, NOW_NS - S // 2),
    ),
    quotes=(
        QuoteView("BTC-USDT", 60_010 * PRICE, 60_010 * PRICE + PRICE // 10, NOW_NS - S // 10),
        QuoteView("ETH-USDT", 3001 * PRICE, 3001 * PRICE + PRICE // 100, NOW_NS - S // 5),
    ),
    latencies=(
        LatencyView("input to command", 1000, 180_000, 640_000, 2_100_000),
        LatencyView("submit to answer", 99, 4_200_000, 31_000_000, 88_000_000),
    ),
    alerts=(
        AlertView(NOW_NS - 3 * S, "unknown submit", "q7x2-0000042: no answer within 1000 ms"),
        AlertView(NOW_NS - 61 * S, "stream gap", "market stream: the connection was reset"),
    ),
)  # fmt: skip

LIVE = Look(Standing.LIVE, NOW_NS, ENGINE, HEALTH)
