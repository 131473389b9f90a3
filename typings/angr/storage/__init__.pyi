# Of angr.
