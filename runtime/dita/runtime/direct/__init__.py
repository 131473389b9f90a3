"""The way to our own exchange without a wire: what a request would ask is a call, what a frame would tell its result.

Everything behind the runtime's port to a venue is replaced, nothing before it: policy, gates, sizing, kernel, journal
and books are those of every session. What it cannot show is what only a wire does: latency, loss, order of arrival.
"""
