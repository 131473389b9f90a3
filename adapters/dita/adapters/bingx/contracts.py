"""Contract terms as the venue lists them, in units. Lot and tick follow from the precisions; ``size`` is no multiplier.

Order quantities are always coins (BingX, contract list; observed). The minimum is both a quantity and a notional.
"""

from dataclasses import dataclass, replace
from typing import Self

from pydantic import AliasChoices, Field

from dita.adapters.bingx.messages import Count, Flag, MessageError, Money, Text, WireModel
from dita.adapters.bingx.units import money_units, quantity_units, rate_ppb
from dita.adapters.logic.arithmetic import half_even
from dita.spec.scales import NOTIONAL_DIVISOR, PRICE_SCALE, QUANTITY_SCALE, RATIO_SCALE


class ContractMessage(WireModel):
    """One row of the contract list. There is no lot step or tick: both follow from the precisions."""

    symbol: Text
    quantity_precision: Count = Field(validation_alias="quantityPrecision")
    price_precision: Count = Field(validation_alias="pricePrecision")
    taker_fee_rate: Money = Field(validation_alias=AliasChoices("takerFeeRate", "feeRate"))
    maker_fee_rate: Money = Field(validation_alias=AliasChoices("makerFeeRate", "feeRate"))
    quantity_min: Money = Field(validation_alias="tradeMinQuantity")
    notional_min: Money = Field(validation_alias="tradeMinUSDT")
    status: Count
    open_allowed: Flag = Field(False, validation_alias="apiStateOpen")
    close_allowed: Flag = Field(False, validation_alias="apiStateClose")


@dataclass(frozen=True, slots=True)
class Contract:
    """What the adapter and the kernel need to know of one contract, in units."""

    symbol: str
    tick: int  # 1e-10 USDT
    lot: int  # 1e-8 coins
    price_precision: int
    quantity_precision: int
    quantity_min: int  # 1e-8 coins
    notional_min: int  # 1e-8 USDT
    taker_ppb: int
    maker_ppb: int
    tradable: bool  # may be opened and closed through the API now
    funding_hours: int = 0  # between two fundings; 0: the venue did not say

    def charged(self, ratio_ppm: int) -> Self:
        """The same for an account that pays so much of the stated fees, each rate rounded once."""
        taker_ppb = half_even(self.taker_ppb * ratio_ppm, RATIO_SCALE)
        return replace(self, taker_ppb=taker_ppb, maker_ppb=half_even(self.maker_ppb * ratio_ppm, RATIO_SCALE))


def contract_from(message: ContractMessage) -> Contract:
    """The contract in units. Raises MessageError when its precisions are finer than the scales of the books.

    Together they must be coarse enough for the value of every fill to be a whole number of money units (clause N5).
    """
    tick, tick_rest = divmod(PRICE_SCALE, 10**message.price_precision)
    lot, lot_rest = divmod(QUANTITY_SCALE, 10**message.quantity_precision)
    if tick_rest or lot_rest or not tick or not lot:
        raise MessageError(
            f"contract `{message.symbol}`: pricePrecision `{message.price_precision}` or quantityPrecision"
            f" `{message.quantity_precision}` is finer than the books; do not trade this symbol"
        )
    if lot * tick % NOTIONAL_DIVISOR:
        raise MessageError(
            f"contract `{message.symbol}`: pricePrecision `{message.price_precision}` and quantityPrecision"
            f" `{message.quantity_precision}` together are finer than the money of the books; do not trade this symbol"
        )
    return Contract(
        symbol=message.symbol,
        tick=tick,
        lot=lot,
        price_precision=message.price_precision,
        quantity_precision=message.quantity_precision,
        quantity_min=quantity_units(message.quantity_min, "tradeMinQuantity"),
        notional_min=money_units(message.notional_min, "tradeMinUSDT"),
        taker_ppb=rate_ppb(message.taker_fee_rate, "takerFeeRate"),
        maker_ppb=rate_ppb(message.maker_fee_rate, "makerFeeRate"),
        tradable=message.status == 1 and message.open_allowed and message.close_allowed,
    )
