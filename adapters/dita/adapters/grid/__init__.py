"""What is published, in a Hazelcast cluster: maps that any of its clients can read, and a map of commands.

A picture and no more: it is made of the shared-memory plane by a process of its own, and may be lost at any time.
"""

from dita.adapters.grid.cluster import Grid, GridAway, GridError, GridMissing, open_grid
from dita.adapters.grid.maps import Map, command_of, entry, read_entry

__all__ = ["Grid", "GridAway", "GridError", "GridMissing", "Map", "command_of", "entry", "open_grid", "read_entry"]
