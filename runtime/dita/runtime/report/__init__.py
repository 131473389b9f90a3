"""The report of a session, made of its journal alone: every row is replayed, every figure is recomputed from the books.

Start at ``facts`` (what the rows say), then ``figures`` (what it comes to), then the two ways to show it: ``tables`` as
text, ``page`` with the pictures of ``charts`` as HTML. ``command`` is ``dita report``.
"""
