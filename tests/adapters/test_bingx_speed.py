"""What the adapter's own code costs, beside what a stranger's does, in the same run: processor time, medians."""

import gzip
import json
import subprocess
from pathlib import Path
from random import Random

from pydantic import SecretStr

from bingx_replies import scripted_rest
from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.json_text import as_object
from dita.adapters.bingx.orders import NewOrder, order_parameters
from dita.adapters.bingx.rest import PositionMode
from dita.adapters.bingx.signing import signed_query
from dita.adapters.bingx.stream_events import OrderUpdate
from dita.adapters.bingx.websocket import document_of
from dita.adapters.logic.orders import OrderMemory, order_input
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.vocabulary import OrderSide
from stranger_cost import cost_us
from stranger_desk import strangers_python

PUSH = (
    '{"e":"ORDER_TRADE_UPDATE","E":1760000001350,"T":1760000001316,"o":{"s":"BTC-USDT","c":"t1-a0000001",'
    '"i":1976209350456246273,"S":"BUY","o":"LIMIT","q":"0.01230000","p":"60000.50000000","sp":"0.00000000",'
    '"ap":"60000.10000000","x":"TRADE","X":"PARTIALLY_FILLED","N":"USDT","n":"-0.06000010","T":1760000001316,'
    '"wt":"MARK_PRICE","ps":"LONG","rp":"0.00000000","z":"0.00500000","sg":"false","ti":0,"ro":false,"td":362700001,'
    '"tv":"300.0","l":"0.00500000","L":"60000.10000000"}}'
)


def test_signing_an_order_and_reading_a_push_cost_less_than_in_ccxt() -> None:
    """An order to its signed query, and a push to the kernel's input, gunzip included; theirs begins with the text."""
    order = NewOrder("BTC-USDT", "t1-a0000001", OrderSide.BUY, False, 1_230_000, 600_005_000_000_000, 1)
    secret = SecretStr("s" * 20)
    stream = AccountStream(scripted_rest({}), {"BTC-USDT"}, Random(1))
    frame = gzip.compress(PUSH.encode())
    inputs: list[Input] = []

    def sign(number: int) -> None:
        stamp = {"timestamp": str(1_760_000_000_000 + number), "recvWindow": "2000"}
        signed_query(secret, {**order_parameters(order, PositionMode.HEDGE), **stamp})

    def read(_: int) -> None:
        stream.take(as_object(document_of(frame)) or {})
        event = stream.poll()
        assert isinstance(event, OrderUpdate)
        snapshot = OrderMemory().take_row(event.row).snapshot
        assert snapshot is not None
        inputs.append(order_input(OrderKey(1, 0, 0), 0, snapshot))

    ours = [cost_us(sign), cost_us(read)]
    script = str(Path(__file__).parents[1] / "support" / "stranger_cost.py")
    said = subprocess.run([strangers_python(), script], input=PUSH, capture_output=True, text=True, check=True)
    theirs: list[float] = json.loads(said.stdout)
    assert {(event.quantity, event.quote) for event in inputs} == {(500_000, 30_000_050_000)}
    assert ours[0] < theirs[0], (ours, theirs)
    assert ours[1] < theirs[1], (ours, theirs)
