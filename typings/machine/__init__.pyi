# `conformance/equiv/machine.py`, as the program beside it imports it.

from equiv.machine import BYTES as BYTES
from equiv.machine import DONE as DONE
from equiv.machine import GARBAGE as GARBAGE
from equiv.machine import KEPT as KEPT
from equiv.machine import POINTERS as POINTERS
from equiv.machine import STACK_BYTES as STACK_BYTES
from equiv.machine import STACK_TOP as STACK_TOP
from equiv.machine import WORD as WORD
from equiv.machine import Machine as Machine
from equiv.machine import NotUnderstood as NotUnderstood
