# What `conformance/equiv/second/engine.py` uses of Triton, which lives in `.venv/equiv` alone. Terms are untyped.

from typing import Any

ARCH: Any
AST_NODE: Any
EXCEPTION: Any
MODE: Any
OPCODE: Any
OPERAND: Any
PREFIX: Any
SOLVER: Any
SOLVER_STATE: Any

def Instruction(address: int, opcode: bytes) -> Any: ...
def MemoryAccess(address: int, size: int) -> Any: ...
def TritonContext(architecture: Any) -> Any: ...
