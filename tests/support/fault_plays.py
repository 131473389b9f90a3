"""Plays of the fault suite: what a session does while things go wrong. Each tells what came of it as a value."""

import asyncio

from fault_session import BID, LOT, SYMBOL, TICK, FaultSession, word


async def opening(session: FaultSession) -> object:
    """The fate of a market order, what is wrong with what is known of it at last, and how many orders there are."""
    fate = await session.fate(session.order())
    return fate, await session.over(asking=True), len(session.books)


async def once(session: FaultSession) -> object:
    """What one submit comes to, and how many orders there are a while later."""
    told = word(await session.trader.submit(session.order()))
    await asyncio.sleep(2)
    return told, len(session.books)


async def then_another(session: FaultSession) -> object:
    """The same, and the fate of the next order."""
    return await opening(session), await session.fate(session.order())


async def streamed(session: FaultSession) -> object:
    """What is wrong with what the stream and its back-fills tell of three orders in pieces; why sessions ended."""
    following = await session.listen()
    for _ in range(3):
        await session.trader.submit(session.order())
        await asyncio.sleep(2)
    wrong = await session.over()
    following.cancel()
    return wrong, session.endings()


async def explained(session: FaultSession) -> object:
    """The same, and in which words each gap was told."""
    return await streamed(session), session.follower.gaps


async def quiet(session: FaultSession) -> object:
    """The same when orders that have been quiet are asked for."""
    following = await session.listen()
    for _ in range(3):
        await session.trader.submit(session.order())
    wrong = await session.over(asking=True)
    following.cancel()
    return wrong


async def later(session: FaultSession) -> object:
    """What is wrong with orders in pieces that follow one another closely while something happens at its time."""
    following = await session.listen()
    await asyncio.sleep(18)
    for _ in range(12):
        await session.trader.submit(session.order())
        await asyncio.sleep(0.3)
    wrong = await session.over()
    following.cancel()
    return wrong, session.endings()


async def cancelled(session: FaultSession) -> object:
    """How a cancel of a resting order ends, and what the echo, two queries and the stream tell of it."""
    following = await session.listen()
    order = session.order(limit=BID - TICK)
    await session.trader.submit(order)
    result = await session.trader.cancel(SYMBOL, order.client_order_id)
    watched = session.follower.orders[order.client_order_id]
    if result.echo is not None:
        await session.follower.take(result.echo)
    by_echo = watched.known.done
    await session.follower.look_at(watched)
    await asyncio.sleep(3)
    await session.follower.look_at(watched)
    following.cancel()
    return result.kind, by_echo, await session.over(), [(told.quantity // LOT, told.done) for told in watched.told]


async def cancelled_unheard(session: FaultSession) -> object:
    """The same by reads alone."""
    order = session.order(limit=BID - TICK)
    await session.trader.submit(order)
    result = await session.trader.cancel(SYMBOL, order.client_order_id)
    watched = session.follower.orders[order.client_order_id]
    if result.echo is not None:
        await session.follower.take(result.echo)
    by_echo = watched.known.done
    return result.kind, by_echo, await session.over(asking=True)


async def asked(session: FaultSession) -> object:
    """Whether each of two queries about a filled order was answered, and what is wrong with what is known then."""
    order = session.order()
    await session.trader.submit(order)
    watched = session.follower.orders[order.client_order_id]
    return [await session.follower.look_at(watched) for _ in range(2)], await session.over(seconds=1)


async def twice(session: FaultSession) -> object:
    """One order submitted twice: both fates, and how many orders there are."""
    order = session.order()
    return [word(await session.trader.submit(order)) for _ in range(2)], len(session.books)


async def reading(session: FaultSession) -> object:
    """Three reads."""
    return await session.reads(3)


async def limited(session: FaultSession) -> object:
    """Two orders within a second, and one much later; whether the exchange was left alone between."""
    fates = [word(await session.trader.submit(session.order()))]
    served = session.exchange.report().requests_served
    fates.append(word(await session.trader.submit(session.order())))
    alone = session.exchange.report().requests_served == served
    await asyncio.sleep(1_200)
    fates.append(word(await session.trader.submit(session.order())))
    return fates, alone


async def stormed(session: FaultSession) -> object:
    """A position that is to be closed in a storm of half a minute: the close's fate, and whether little was sent."""
    await session.trader.submit(session.order())
    await asyncio.sleep(31)
    served = session.exchange.report().requests_served
    fates: list[str] = []
    while "accepted" not in fates:
        fates.append(word(await session.trader.submit(session.order(closing=True))))
        await asyncio.sleep(1)
    sent = session.exchange.report().requests_served - served
    return fates[-1], sent < 12, await session.reads(1)


async def stepped(session: FaultSession) -> object:
    """The fates of orders before and after the exchange's clock steps, and what is known of them."""
    fates = [word(await session.trader.submit(session.order()))]
    await asyncio.sleep(31)
    for _ in range(3):
        fates.append(word(await session.trader.submit(session.order())))
        await asyncio.sleep(1)
    return fates


async def deleveraged(session: FaultSession) -> object:
    """A position of ten lots: what is read of it later, and which orders that nobody placed were told of."""
    following = await session.listen()
    await session.trader.submit(session.order())
    await asyncio.sleep(31)
    held = [row.quantity // LOT for row in await session.rest.positions(SYMBOL)]
    following.cancel()
    return held, dict(session.follower.strangers)


async def market_goes_on(session: FaultSession) -> object:
    """Whether a price is told, and a later one after trouble; why sessions ended."""
    await session.market_is_live()
    told = [await session.ticker(BID + TICK, 5)]
    await asyncio.sleep(3)
    told.append(await session.ticker(BID + 2 * TICK, 90))
    return told, {cause.value: count for cause, count in session.market.endings.items()}
