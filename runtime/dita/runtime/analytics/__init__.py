"""The analytics store, kept up with a journal: ``feeding`` writes, ``parity`` compares, ``questions`` asks.

All of it reads the journal's file, in a process of its own. A session knows nothing of it and waits for nothing: while
the store is down the journal is the queue.
"""
