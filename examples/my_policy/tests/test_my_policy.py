"""The policy decides as it says, on quotes made by hand."""

from random import Random

from my_policy import Mine

from dita.runtime.policies import make_policy
from dita.runtime.policy import Close, Decision, Hold, MarketView, Open
from dita.spec.market import BookTicker
from dita.spec.vocabulary import Phase, Side

SYMBOL = "BTC-USDT"
PRICE = 60_000 * 10**10


def shown(policy: Mine, bid: int, phase: Phase = Phase.IDLE, leg: int = 0) -> Decision:
    """What it says to a quote, flat or with a long that was opened at ``PRICE``."""
    event = BookTicker(SYMBOL, bid, 1, bid + 1, 1, 1)
    side = Side.NONE if phase == Phase.IDLE else Side.LONG
    return policy.on_market(MarketView(SYMBOL, event, bid, bid + 1, phase, side, 0, PRICE, 10**13, leg))


def test_it_buys_what_is_higher_than_three_quotes_ago() -> None:
    """The fourth quote has one to be compared with; as high is not higher."""
    policy = Mine()
    said = [shown(policy, PRICE + step) for step in (0, 0, 0, 1, 0, 0, 1, 0)]
    assert [type(one) for one in said] == [Hold, Hold, Hold, Open, Hold, Hold, Hold, Hold]


def test_it_sells_in_halves_and_at_last_everything() -> None:
    """A leg for every 2.5 ppm; all of it at the eighth quote."""
    policy = Mine()
    bought_at = PRICE
    shown(policy, bought_at)
    said = [
        shown(policy, PRICE + PRICE * ppm // 10**6, Phase.POSITION_OPEN, leg) for ppm, leg in ((2, 0), (3, 0), (3, 1))
    ]
    assert [type(one) for one in said] == [Hold, Close, Hold]
    said = [shown(policy, PRICE, Phase.POSITION_OPEN, 1) for _ in range(5)]
    assert said[-1] == Close("out of patience", everything=True)


def test_dita_finds_it_by_its_name() -> None:
    """The entry point is installed."""
    assert isinstance(make_policy("mine", Random(1)), Mine)
