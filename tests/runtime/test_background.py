"""Work beside everything else: begun at once where nothing waits, and never silently dead."""

import asyncio

from dita.runtime.alerts import Alert, Alerts
from dita.runtime.background import Background


def made(*, at_once: bool) -> tuple[Background, Alerts]:
    alerts = Alerts(lambda: 0)
    return Background(alerts, at_once=at_once), alerts


async def test_what_waits_for_nothing_is_over_when_it_was_begun() -> None:
    """At once there is no task of it; otherwise it has not begun yet."""
    for at_once in (True, False):
        background, _ = made(at_once=at_once)
        done: list[str] = []

        async def work(done: list[str] = done) -> None:
            done.append("over")

        task = background.begin(work(), "work")
        assert (task is None, done) == (at_once, ["over"] * at_once)
        await asyncio.sleep(0)
        assert done == ["over"]


async def test_what_waits_goes_on_as_a_task() -> None:
    """With what it waited for, with the exception that came instead, and with a cancellation: each reaches the work."""
    background, alerts = made(at_once=True)
    met: list[object] = []
    answers: list[asyncio.Future[int]] = [asyncio.get_running_loop().create_future() for _ in range(4)]

    async def work() -> None:
        met.append(await answers[0])
        await asyncio.sleep(0)
        try:
            await answers[1]
        except ZeroDivisionError as error:
            met.append(type(error))
        try:
            await answers[2]
        except asyncio.CancelledError:
            met.append("cancelled")
        await answers[3]

    task = background.begin(work(), "work")
    assert task is not None
    answers[0].set_result(7)
    answers[1].set_exception(ZeroDivisionError())
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    assert met == [7, ZeroDivisionError, "cancelled"]
    assert not task.done()
    answers[3].set_exception(KeyError("planted"))
    await task
    assert alerts.counts == {Alert.OWN_BUG: 1}


async def test_an_exception_at_once_is_an_alert() -> None:
    """It does not reach whoever began the work."""
    background, alerts = made(at_once=True)

    async def work() -> None:
        raise KeyError("planted")

    assert background.begin(work(), "work") is None
    assert alerts.counts == {Alert.OWN_BUG: 1}
