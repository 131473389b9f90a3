"""Path vectors: for every path of the reference states and inputs that take it, kept in the repository.

The solver that explores the paths (``dita.conformance.prove``) is asked for numbers as different as the path allows,
and for numbers on and beside every comparison of it. ``dita vectors`` makes them anew; they are replayed on the kernel
and on the reference by ``dita conform``, and by the crate's own tests.
"""
