"""Proofs about the reference itself: its own Python is executed symbolically, for all inputs and all traces."""
