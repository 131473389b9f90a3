# What `conformance/equiv/second/engine.py` uses of pyelftools, which lives in `.venv/equiv` alone.

from typing import IO, Any

def ELFFile(stream: IO[bytes]) -> Any: ...
