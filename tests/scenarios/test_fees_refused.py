"""`dita run` against an exchange that charges more than it says: nothing is opened, and every fill is shown."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from command import dita
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from exchange_client import ORDER, signed_query
from session_process import KEY, SECRET, START_SECONDS, ExchangeProcess, exchange_process

CONTRACT = {
    "symbol": "BTC-USDT", "price_precision": 1, "quantity_precision": 4, "min_quantity": 10_000,
    "charged_ppm": 1_100_000,
}  # fmt: skip
FILL = re.compile(r"BTC-USDT +│ taker +│ +(\d+\.\d{8}) +│ +(\d+\.\d{8}) +│ +(\d+\.\d{8})")


def order(exchange: ExchangeProcess, side: str) -> None:
    """One market order of a LONG position, by hand, as soon as there is a market."""
    until = time.monotonic() + START_SECONDS
    while True:
        asked = {"symbol": "BTC-USDT", "side": side, "positionSide": "LONG", "type": "MARKET", "quantity": "0.5"}
        query = signed_query({**asked, "timestamp": str(time.time_ns() // 10**6)}, SECRET)
        reply = httpx.post(f"{exchange.url}{ORDER}?{query}", headers={"X-BX-APIKEY": KEY}, timeout=10).json()
        if reply["code"] == 0:
            return
        assert time.monotonic() < until, reply
        time.sleep(0.1)


@pytest.mark.timeout(120)
def test_a_start_refuses_to_open_when_fees_are_ten_per_cent_off(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: Callable[[Path, Bindings], Path]
) -> None:
    """No order leaves, status 1, every fill is shown with what it should have cost, and what to set if it is right.

    With that setting the same exchange is traded on: it was the fees that held everything back.
    """
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    with exchange_process(tmp_path, contracts=[CONTRACT]) as exchange:
        order(exchange, "BUY")
        order(exchange, "SELL")
        run = (
            "run", "--certificate", str(certificate), "--exchange", exchange.url, "--symbol", "BTC-USDT",
            "--round-trips", "1", "--policy", "coin", "--journal", "j",
        )  # fmt: skip
        refused = dita(tmp_path, *run, BINGX_API_KEY=KEY, BINGX_API_SECRET=SECRET)
        made = exchange.record()
        agreed = dita(tmp_path, *run, DITA_FEE_RATIO_PPM="1100000", BINGX_API_KEY=KEY, BINGX_API_SECRET=SECRET)
        record = exchange.record()

    assert (refused.returncode, made["orders_made"]) == (1, 2), refused.stdout + refused.stderr
    assert f"fees: {made['fills_made']} recent fills cost 110.00 % of the model: nothing is opened" in refused.stderr
    assert "set DITA_FEE_RATIO_PPM=1100000" in refused.stderr
    shown = [[int(text.replace(".", "")) for text in row] for row in FILL.findall(refused.stdout)]
    assert len(shown) == made["fills_made"] >= 2  # an order may find less than it wants on one level
    for notional, model, charged in shown:
        assert model == round(notional * 0.0005)
        assert abs(charged * 10 - model * 11) <= 10  # each is rounded by itself
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr
    assert record["orders_made"] >= 4
