# Of angr: how flags are computed.

from typing import Any

ccall: Any
