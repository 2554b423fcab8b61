"""Secrets of a sale come from the identity key alone, and none tells anything of another."""

from itertools import product

import pytest
from nacl.exceptions import CryptoError

from node.sale.vault import BoxKey, Use, Vault
from proto.keys import SigningKey
from proto.sale.stakes import SaleRole

SALE, OTHER = b"s" * 16, b"t" * 16
NODE = SigningKey(b"n" * 32)


def test_the_same_question_has_the_same_answer_after_a_restart() -> None:
    one, again = Vault(NODE), Vault(SigningKey(NODE.seed))
    assert one.box(SALE, SaleRole.BUYER).public == again.box(SALE, SaleRole.BUYER).public
    assert one.lock_key(SALE) == again.lock_key(SALE)
    assert one.seed(SALE, SaleRole.SELLER) == again.seed(SALE, SaleRole.SELLER)


def test_a_value_that_must_never_change() -> None:
    """Sales that are under way when a release is installed go on with the keys that they have."""
    vault = Vault(NODE)
    assert vault.lock_key(SALE).hex() == LOCK_KEY
    assert vault.box(SALE, SaleRole.BUYER).public.hex() == BUYER_BOX


LOCK_KEY = "c9b6fc8881bbcfbcc7fe4d7bda28faf4177687851173b02fbcbb7be69c6b4827"
BUYER_BOX = "721a1e274d20257fe270811b91b59936398a707b1f0247b77e5ac2f89fee2c2e"


def test_no_two_secrets_are_the_same() -> None:
    drawn = [
        vault.secret(use, sale, role, number)
        for vault, use, sale, role, number in product(
            (Vault(NODE), Vault(SigningKey(b"m" * 32))),
            Use,
            (SALE, OTHER),
            SaleRole,
            (0, 1, 256, 2**32 - 1),
        )
    ]
    assert len(set(drawn)) == len(drawn)
    assert all(len(secret) == 32 for secret in drawn)


def test_what_the_parts_of_a_sale_draw() -> None:
    vault = Vault(NODE)
    assert len(vault.challenge(SALE)) == 16
    drawn = {vault.lock_key(SALE), vault.challenge(SALE)}
    drawn |= {vault.seed(SALE, role) for role in SaleRole}
    assert len(drawn) == 2 + len(SaleRole)


def test_uses_fit_into_blake2b() -> None:
    """Beyond 16 bytes it refuses; and padded with zeros no two are the same."""
    assert all(0 < len(use.value) <= 16 for use in Use)
    assert len({use.value.ljust(16, b"\0") for use in Use}) == len(Use)


@pytest.mark.parametrize("sale", [b"", b"s" * 15, b"s" * 17])
def test_a_sale_has_a_name_of_sixteen_bytes(sale: bytes) -> None:
    """Else a longer name and a shorter one with its parts could be written the same."""
    with pytest.raises(ValueError, match="16 bytes"):
        Vault(NODE).secret(Use.BOX, sale, SaleRole.BUYER)


def test_texts_show_no_secret() -> None:
    """PyNaCl's own key shows itself when it is formatted: a line of a log would be enough."""
    vault = Vault(NODE)
    box = vault.box(SALE, SaleRole.AGENT)
    for text in (repr(box), str(box), f"{box}", repr([box]), repr(vault), f"{vault}"):
        assert box.reveal().hex() not in text and repr(box.reveal())[2:-1] not in text
        assert NODE.seed.hex() not in text and repr(NODE.seed)[2:-1] not in text
    assert box.public.hex() in repr(box)


def test_an_arbiter_who_is_shown_a_box_key_can_open_with_it() -> None:
    mine, theirs = Vault(NODE).box(SALE, SaleRole.BUYER), BoxKey(b"a" * 32)
    sealed = theirs.box(mine.public).encrypt(b"content", b"n" * 24)
    assert BoxKey(mine.reveal()).box(theirs.public).decrypt(sealed) == b"content"


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31), b"short", b"l" * 33])
def test_keys_that_are_none(key: bytes) -> None:
    with pytest.raises((CryptoError, ValueError)):
        BoxKey(b"a" * 32).box(key)
