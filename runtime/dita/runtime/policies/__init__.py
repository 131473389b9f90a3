"""The policies that come with DITA, and where others are found. They show how to write one; none promises a profit.

What is in here sees market data and the vocabulary, and of the runtime only ``policy``: import-linter holds that.
"""

from dita.runtime.policies.dislocation import Dislocation
from dita.runtime.policies.registry import GROUP, PolicyError, UnknownPolicy, make_policy
from dita.runtime.policies.samples import Coin, Idle, Reversion

__all__ = ["GROUP", "Coin", "Dislocation", "Idle", "PolicyError", "Reversion", "UnknownPolicy", "make_policy"]
