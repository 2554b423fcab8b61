"""What a descriptor says of its request: written out once, so that it cannot change unseen."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.limits import MAX_AMOUNT
from proto.payment_terms import terms_root

SALT, ASKED = bytes(range(32)), bytes(range(32, 64))
hashes = st.binary(min_size=32, max_size=32)
amounts = st.none() | st.integers(1, MAX_AMOUNT)


def test_the_bytes_are_these() -> None:
    assert terms_root(SALT, ASKED) == sha256(b"pledgeway/terms/v1\0" + SALT + ASKED).digest()
    chosen = b"pledgeway/terms/chosen/v1\0" + SALT + ASKED + b"\0\0\0\0\0\0\x13\x88"
    assert terms_root(SALT, ASKED, 5000) == sha256(chosen).digest()


@given(a=st.tuples(hashes, hashes, amounts), b=st.tuples(hashes, hashes, amounts))
def test_one_root_for_one_meaning(
    a: tuple[bytes, bytes, int | None], b: tuple[bytes, bytes, int | None]
) -> None:
    assert (terms_root(*a) == terms_root(*b)) == (a == b)


@pytest.mark.parametrize("amount", [-1, 1 << 64])
def test_what_is_no_amount(amount: int) -> None:
    with pytest.raises(OverflowError):
        terms_root(SALT, ASKED, amount)
