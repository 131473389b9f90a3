"""Sans-IO logic of the adapters: what the venue's answers mean, and which question comes next.

Pure functions and state machines over the integer rows of ``dita.adapters.logic.rows``. Nothing here opens a socket,
reads a clock or awaits; imports ``dita.spec`` only.
"""
