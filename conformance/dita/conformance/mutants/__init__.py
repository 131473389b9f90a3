"""Mutants: small bugs put in on purpose, to see whether the harness notices them.

``catalogue`` lists them, ``recording`` writes down what the layers say, the ``*_trial`` modules ask one mutant the
same, ``equivalence`` shows that a survivor is none, ``records`` keeps what came of it, and ``campaign`` does all of it.
"""
