"""A simulated hour of the account stream with faults; `make soak` runs twenty-four."""

from dataclasses import replace
from typing import get_args, get_type_hints

import pytest

from dita.adapters.exchange import Fault
from soak_faults import LEFT_OUT
from stream_soak import Report, Sample, growth, soak_for


@pytest.mark.timeout(300)
def test_an_hour_with_faults_loses_nothing_and_leaks_nothing() -> None:
    """Every planned kind of fault fired; every order and every fill is what the exchange's own record says."""
    report = soak_for(1.0)
    assert report.violations == []
    assert growth(report) == []
    kinds = [kind for kind in get_args(Fault) if kind not in LEFT_OUT]
    assert report.faults.keys() == {get_args(get_type_hints(kind)["kind"])[0] for kind in kinds}
    assert report.orders >= 30
    assert report.fills > 2 * report.orders
    assert report.unknown >= 3
    assert report.absent >= 1
    assert report.partial_orders >= 3
    assert report.found_by_reading >= 3
    assert report.backfills >= 8
    assert report.figures["ended: connection lost"] >= 3
    assert report.figures["ended: listen key"] >= 2
    assert len(report.samples) >= 10


@pytest.mark.timeout(300)
def test_twenty_minutes_without_reading_after_gaps_are_noticed() -> None:
    """The planted defect: nothing is read after a gap, nor of an order that fell silent. Orders are never over."""
    report = soak_for(0.35, forget_gaps=True)
    assert len(report.violations) >= 3


def test_growth_is_noticed() -> None:
    """More tasks, more descriptors, more objects than early on: each by name; the noise of a moment is none."""
    calm = Sample(12, 16, 60_000, 500)
    later = replace(calm, tasks=14, objects=60_400, books=5_000)
    report = Report(samples=[Sample(30, 30, 90_000, 0), calm, calm, calm, later])
    assert growth(report) == []
    for name, value in (("tasks", 19), ("descriptors", 23), ("objects", 60_501)):
        report.samples[-1] = replace(calm, **{name: value})
        (told,) = growth(report)
        assert told.startswith(name)
