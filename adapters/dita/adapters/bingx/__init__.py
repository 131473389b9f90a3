"""BingX USDT-margined perpetual swaps: signed REST calls, account and market streams, orders.

Two halves place orders: ``BingxTrader`` may open and needs a clearance; ``BingxCloser`` can only cancel and reduce and
needs none, so that a refused certificate never keeps anybody from getting flat.
"""
