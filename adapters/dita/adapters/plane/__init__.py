"""The shared-memory plane: the newest snapshot of a runtime, for every other process of its user on this machine.

Start at ``layout`` (what the memory holds), then ``places`` (where it is), then ``writer`` and ``reader``.
"""

from dita.adapters.plane.errors import PlaneDamaged, PlaneError, PlaneInUse, PlaneMissing, PlaneUnusable
from dita.adapters.plane.layout import PAYLOAD_BYTES_MAX, Packet
from dita.adapters.plane.places import Place, place_of
from dita.adapters.plane.reader import PlaneReader, Pulse, Seen
from dita.adapters.plane.writer import PlaneWriter

__all__ = [
    "PAYLOAD_BYTES_MAX",
    "Packet",
    "Place",
    "PlaneDamaged",
    "PlaneError",
    "PlaneInUse",
    "PlaneMissing",
    "PlaneReader",
    "PlaneUnusable",
    "PlaneWriter",
    "Pulse",
    "Seen",
    "place_of",
]
