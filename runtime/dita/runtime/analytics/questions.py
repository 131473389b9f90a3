"""Questions that ``dita query`` knows by name, in ClickHouse's dialect."""

from typing import Final, NamedTuple


class Question(NamedTuple):
    """What it asks, and how."""

    about: str
    sql: str


QUESTIONS: Final = {
    "trades": Question(
        "trades that finished today (UTC), the newest first",
        """
        SELECT trade, symbol, side, began_utc, held_span_ns / 1000000000 AS held_seconds, entry_coins,
          entry_quote_usdt / nullIf(entry_coins, 0) AS entry_price,
          exit_quote_usdt / nullIf(exit_coins, 0) AS exit_price, realised_usdt, fee_usdt,
          realised_usdt - fee_usdt AS net_usdt, is_settled
        FROM trade_events
        WHERE trade IN (SELECT trade FROM trade_events WHERE step = 'FINISHED' AND toDate(wall_utc) = today()
            AND journal_tag = {tag:String})
          AND journal_tag = {tag:String}
        ORDER BY trade DESC, journal_position DESC, ordinal DESC
        LIMIT 1 BY trade
        """,
    ),
    "fee-drift": Question(
        "settled fees against those that were predicted, by day and contract",
        """
        SELECT toDate(wall_utc) AS day, symbol, countIf(by = 'SETTLED') AS halves,
          sumIf(fee_usdt, by != 'SETTLED') AS predicted_usdt, sumIf(fee_usdt, by = 'SETTLED') AS drift_usdt,
          round(1000000 * toFloat64(drift_usdt) / nullIf(toFloat64(predicted_usdt), 0)) AS drift_ppm
        FROM fill_events
        WHERE journal_tag = {tag:String} AND (trade, part) IN (SELECT trade, part FROM fill_events
            WHERE by = 'SETTLED' AND journal_tag = {tag:String})
        GROUP BY day, symbol ORDER BY day, symbol
        """,
    ),
    "slippage": Question(
        "what fills cost against the price that they were decided on, by hour of the day (UTC)",
        """
        SELECT toHour(wall_utc) AS hour, part, count() AS fills, sum(quote_usdt) AS volume_usdt,
          sum(slippage_usdt) AS cost_usdt,
          round(1000000 * toFloat64(cost_usdt) / nullIf(toFloat64(volume_usdt), 0)) AS cost_ppm
        FROM fill_events
        WHERE journal_tag = {tag:String} AND by = 'ORDER' AND reference_price_e10_usdt > 0 AND quantity_e8_coins > 0
        GROUP BY hour, part ORDER BY hour, part
        """,
    ),
    "refusals": Question(
        "entries that were not made: who held them, why, how often, and the newest",
        """
        SELECT check, reason, sum(decisions) AS held, uniqExact(symbol) AS symbols, max(decided_utc) AS newest,
          argMax(facts, decided_ns) AS newest_facts
        FROM decision_events
        WHERE journal_tag = {tag:String} AND decided = 'HELD'
        GROUP BY check, reason ORDER BY held DESC, check, reason
        """,
    ),
}
