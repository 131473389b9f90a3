"""Ports of this machine, and what a session answers there."""

import re
import socket
from typing import Final

import httpx

ROWS_METRIC: Final = "dita_journal_rows_total"


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def scraped(port: int, metric: str) -> int:
    """A metric without labels, as a session exports it. Raises what httpx raises when nobody is there."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10, trust_env=False).text
    found = re.search(rf"^{metric} (-?\d+)$", text, re.MULTILINE)
    assert found is not None, text
    return int(found[1])
