"""What somebody could gain by an offer whose words are in order."""

from dataclasses import fields, replace

import pytest

from proto.sale.offer import read_offer, sign_offer
from proto.sale.stakes import LEAST_SPAN_US, Times
from proto.wire import WireFault
from tests.proto.sale_values import KEYS, OFFER, SaleRole

SPANS = [field.name for field in fields(Times)]


@pytest.mark.parametrize("span", SPANS)
def test_a_buyer_offers_no_time_in_which_nobody_can_act(span: str) -> None:
    """With a moment to attest and to release he would have the key at the lock, and a moment later
    his price back, as nobody attested."""
    key = KEYS[SaleRole.BUYER]
    short = replace(OFFER, times=replace(OFFER.times, **{span: LEAST_SPAN_US - 1}))
    with pytest.raises(WireFault, match="nobody has time to act"):
        read_offer(sign_offer(key, short))
    least = replace(OFFER, times=replace(OFFER.times, **{span: LEAST_SPAN_US}))
    assert read_offer(sign_offer(key, least)).times == least.times
