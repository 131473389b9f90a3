"""A policy by its name: one of ours, or a plug-in that names itself in the entry points ``dita.policies``."""

from importlib.metadata import entry_points
from random import Random
from typing import Final

from dita.runtime.policies.dislocation import Dislocation
from dita.runtime.policies.samples import Coin, Idle, Reversion
from dita.runtime.policy import Policy, PolicyMaker

GROUP: Final = "dita.policies"


class UnknownPolicy(ValueError):
    """There is no policy of that name; the message lists those there are."""


class PolicyError(ValueError):
    """A plug-in is there and cannot be used; the message says why and what to do."""


def _reversion(_: Random) -> Policy:
    return Reversion()


def _idle(_: Random) -> Policy:
    return Idle()


def _dislocation(_: Random) -> Policy:
    return Dislocation()


BUILT_IN: Final[dict[str, PolicyMaker]] = {
    "coin": Coin,
    "dislocation": _dislocation,
    "idle": _idle,
    "reversion": _reversion,
}


def make_policy(name: str, rng: Random) -> Policy:
    """A policy by name. Raises UnknownPolicy, or PolicyError for a plug-in that cannot be used."""
    plugins = [point for point in entry_points(group=GROUP) if point.name == name]
    makers = [f"{point.value} ({point.dist.name if point.dist else 'unknown'})" for point in plugins]
    if name in BUILT_IN:
        makers.append("DITA itself")
    if len(makers) > 1:
        raise PolicyError(f"policy: `{name}` is the name of several: {', '.join(makers)}; uninstall all but one")
    if name in BUILT_IN:
        return BUILT_IN[name](rng)
    if not plugins:
        known = ", ".join(sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))
        raise UnknownPolicy(f"policy: `{name}` is not installed; use one of {known}")
    try:
        policy: object = plugins[0].load()(rng)
    except Exception as error:  # a plug-in is foreign code: whatever it raises is about it
        raise PolicyError(f"policy: `{name}` is {makers[0]} and cannot be made: {error!r}; mend it") from error
    if not callable(getattr(policy, "on_market", None)) or not isinstance(getattr(policy, "wants_trades", None), bool):
        raise PolicyError(
            f"policy: `{name}` is {makers[0]} and gave `{type(policy).__name__}`;"
            " give it a method `on_market` and a truth value `wants_trades`"
        )
    return _as_policy(policy)


def _as_policy(policy: object) -> Policy:
    return policy  # type: ignore[return-value] # looked at by the caller
