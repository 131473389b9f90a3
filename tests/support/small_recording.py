"""A small recording in the venue's raw format: a market that moves, for sessions that read a file."""

import gzip
import json
from pathlib import Path
from random import Random
from typing import Final

FILES: Final = {"BTCUSDT": ("btcusdt_20240808.gz", 61_800.0, 0.1), "ETHUSDT": ("ethusdt_20240808.gz", 2_680.0, 0.01)}
START_MS: Final = 1_723_161_256_000


def write_recording(folder: Path, quotes: int, seed: int = 1) -> Path:
    """Both files, with so many quotes a symbol, 20 ms apart; gives the folder."""
    folder.mkdir(exist_ok=True)
    for symbol, (name, start, tick) in FILES.items():
        rng = Random(f"{seed} {symbol}")
        price = round(start / tick)
        with gzip.open(folder / name, "wb", compresslevel=1) as file:
            for number in range(1, quotes + 1):
                price += rng.randint(-12, 12)
                file.write(_quote(symbol, START_MS + 20 * number, number, price, tick, rng))
    return folder


def _quote(symbol: str, time_ms: int, number: int, price: int, tick: float, rng: Random) -> bytes:
    digits = 1 if tick == 0.1 else 2
    data = {
        "e": "bookTicker", "u": number, "s": symbol, "b": f"{price * tick:.{digits}f}",
        "B": f"{rng.randint(1, 5000) / 1000:.3f}", "a": f"{(price + 1) * tick:.{digits}f}",
        "A": f"{rng.randint(1, 5000) / 1000:.3f}", "T": time_ms, "E": time_ms,
    }  # fmt: skip
    message = {"stream": f"{symbol.lower()}@bookTicker", "data": data}
    return f"{time_ms * 1_000_000} {json.dumps(message, separators=(',', ':'))}\n".encode()
