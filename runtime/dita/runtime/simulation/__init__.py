"""The deterministic simulation: runtime, adapter, journal and exchange in one process, on virtual time, from one seed.

Start at ``loop`` (time), then ``network`` and ``disk`` (what connects and keeps), ``processes`` (what can be killed),
``scenario`` (what goes wrong when, drawn from a seed), ``world`` (one run), ``auditor`` (who judges it).
"""
