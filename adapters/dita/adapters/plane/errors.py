"""Why a plane cannot be used: each error names the place, what is wrong with it, and what to do."""

from typing import Self


class PlaneError(Exception):
    """Something about one plane."""

    def __init__(self, place: str, what: str, do: str) -> None:
        super().__init__(f"plane `{place}`: {what}; {do}")
        self.place = place
        self.what = what
        self.do = do

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.place, self.what, self.do)


class PlaneMissing(PlaneError):
    """Nobody publishes there."""


class PlaneInUse(PlaneError):
    """Another process publishes there."""


class PlaneUnusable(PlaneError):
    """The folder, or what lies there, is not as it has to be."""


class PlaneDamaged(PlaneError):
    """No packet in it is sound."""
