"""From the journal to what is published: every row of every family, derived from the journal and nothing else.

``derivation`` takes a journal's rows through a kernel of its own, ``projector`` makes of each step the rows of the
eight families. Nothing here asks a clock or a running session, so the same journal gives the same rows at any time.
"""
