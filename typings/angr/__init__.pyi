# What the programs in `conformance/equiv` use of angr, which lives in `.venv/equiv` alone. States are untyped.

from typing import Any

options: Any
concretization_strategies: Any
BP_BEFORE: str

class AngrError(Exception): ...
class SimError(Exception): ...

class SimProcedure:
    state: Any
    def __init__(self) -> None: ...
    def ret(self) -> None: ...

def Project(path: str, *, auto_load_libs: bool, use_sim_procedures: bool, main_opts: dict[str, int]) -> Any: ...
