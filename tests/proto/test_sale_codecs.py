"""Documents of a sale: one content has one form, sizes are bounded, and impossible ones refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from proto.commit import sign_share
from proto.envelope import Envelope, sign_batch
from proto.escrow.letters import Letter, OfSale, encode_letter, sign_letter
from proto.keys import SigningKey
from proto.limits import MAX_AMOUNT, MAX_ENVELOPE_BYTES
from proto.sale import contract as contracts
from proto.sale import handover, offer, promise, votes
from proto.sale.letters import (
    Asked,
    Joined,
    Reveal,
    SaleBody,
    SaleShare,
    SaleWords,
    Terms,
    decode_words,
    encode_words,
    shares_from_bytes,
    shares_to_bytes,
)
from proto.sale.stakes import Decision, SaleRole
from proto.v1 import sale_pb2 as pb
from proto.wire import WireFault
from tests.node.core.escrow_table import card_of, node_of
from tests.proto import sale_values as s
from tests.proto.wireforge import chunk, number

BUYER, AGENT = s.KEYS[SaleRole.BUYER], s.KEYS[SaleRole.AGENT]
Read = Callable[[bytes], Any]

DOCUMENTS: dict[str, tuple[SigningKey, str, bytes, Read]] = {
    "offer": (BUYER, offer.OFFER_KIND, s.OFFER.encode(), offer.read_offer),
    "rule": (s.KEYS[SaleRole.SELLER], offer.RULE_KIND, s.RULE.encode(), offer.read_rule),
    "agent's offer": (AGENT, offer.AGENT_KIND, s.AGENT_OFFER.encode(), offer.read_agent_offer),
    "contract": (BUYER, contracts.CONTRACT_KIND, s.CONTRACT.encode(), contracts.read_contract),
    "promise": (
        s.HOUSE_KEY,
        promise.POOL_PROMISE_KIND,
        Envelope.decode(promise.sign_pool_promise(s.HOUSE_KEY, s.PROMISE)).payload,
        promise.read_pool_promise,
    ),
    "vote": (BUYER, votes.VOTE_KIND, s.VOTE.encode(), votes.read_vote),
    "rating": (s.HOUSE_KEY, votes.RATING_KIND, s.RATING.encode(), votes.read_rating),
    "handed over": (
        AGENT,
        handover.HANDED_KIND,
        Envelope.decode(handover.sign_handed_over(AGENT, s.HANDED)).payload,
        lambda signed: handover.read_handed_over(signed, AGENT.public),
    ),
    "control": (
        s.LOCK_KEY,
        handover.CONTROL_KIND,
        Envelope.decode(
            handover.sign_control(s.LOCK_KEY, s.CONTROL.lock, s.CONTROL.challenge)
        ).payload,
        handover.read_control,
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_was_signed_is_read(name: str) -> None:
    key, kind, payload, read = DOCUMENTS[name]
    found = read(Envelope.seal(key, kind, payload).encode())
    assert getattr(found, "encode", lambda: payload)() == payload


def foreign_forms(key: SigningKey, kind: str, payload: bytes) -> dict[str, bytes]:
    """The same content under the same signature, in other bytes; or signed in another form."""
    envelope = Envelope.seal(key, kind, payload)
    signed = envelope.encode()
    proof = envelope.proof.to_message()
    proof.path.append(b"")
    batch = sign_batch(key, [(kind, payload), (kind, b"other")])[0]
    return {
        "a field behind it": signed + number(15, 1),
        "a field that is there twice": chunk(1, b"ignored") + signed,
        "another order": chunk(2, payload) + chunk(1, kind.encode()) + chunk(
            3, envelope.proof.to_message().SerializeToString()
        ),
        "a longer length": chunk(1, kind.encode(), pad=1) + chunk(2, payload) + chunk(
            3, envelope.proof.to_message().SerializeToString()
        ),
        "more in the signature": chunk(1, kind.encode()) + chunk(2, payload) + chunk(
            3, envelope.proof.to_message().SerializeToString() + chunk(9, b"x")
        ),
        "signed with a field more": Envelope.seal(key, kind, payload + chunk(99, b"x")).encode(),
        "signed as one of two": Envelope(kind, payload, batch).encode(),
    }  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_one_content_has_one_form(name: str) -> None:
    """Else a stranger could give a signed offer a second sale_id, and a contract a second pool."""
    key, kind, payload, read = DOCUMENTS[name]
    for form, signed in foreign_forms(key, kind, payload).items():
        with pytest.raises(WireFault):
            read(signed)
            pytest.fail(form)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_of_another_kind(name: str) -> None:
    key, _, payload, read = DOCUMENTS[name]
    with pytest.raises(WireFault, match="not a "):
        read(Envelope.seal(key, "pledgeway/other/v1", payload).encode())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_a_stranger_signed(name: str) -> None:
    _, kind, payload, read = DOCUMENTS[name]
    with pytest.raises(WireFault, match="did not sign"):
        read(Envelope.seal(signing_key("stranger"), kind, payload).encode())


# ---------------------------------------------------------------- cards


@pytest.mark.parametrize(
    "bent",
    [
        lambda card: card + "\x1b[2J",  # decoders of base64 leave out what they do not know
        lambda card: card[:40] + "\n" + card[40:],
        lambda card: " " + card,
        lambda card: card + "=",
        lambda card: card[:40] + "!" + card[40:],
    ],
)
def test_a_card_is_written_as_its_owner_wrote_it(bent: Callable[[str], str]) -> None:
    card = bent(s.OFFER.seller_card)
    with pytest.raises(WireFault, match="card"):
        offer.read_offer(offer.sign_offer(BUYER, replace(s.OFFER, seller_card=card)))
    agents = replace(s.AGENT_OFFER, card=bent(s.AGENT_OFFER.card))
    with pytest.raises(WireFault, match="card"):
        offer.read_agent_offer(offer.sign_agent_offer(AGENT, agents))
    parties = tuple(replace(p, card=bent(p.card)) for p in s.PARTIES)
    with pytest.raises(WireFault, match="card"):
        contracts.read_contract(
            contracts.sign_contract(BUYER, replace(s.CONTRACT, parties=parties))
        )


def test_cards_of_a_contract_are_verified() -> None:
    """The buyer writes them all: one that the seller did not sign would send her letters away."""
    other = card_of("mallory")
    forged = other[:-20] + ("A" * 20 if other[-20:] != "A" * 20 else "B" * 20)
    parties = (s.PARTIES[0], replace(s.PARTIES[1], card=forged), *s.PARTIES[2:])
    with pytest.raises(WireFault):
        contracts.read_contract(
            contracts.sign_contract(BUYER, replace(s.CONTRACT, parties=parties))
        )


# ---------------------------------------------------------------- who has two parts


@pytest.mark.parametrize("field", ["seller_card", "house_card", "arbiter_card"])
def test_nobody_has_two_parts(field: str) -> None:
    """A house that is a party would pay itself."""
    bent = replace(s.OFFER, **{field: s.OFFER.buyer_card})
    with pytest.raises(WireFault, match=r"two parts|another registrar"):
        offer.read_offer(offer.sign_offer(BUYER, bent))


@pytest.mark.parametrize("name", s.NAMES.values())
def test_the_house_of_a_contract_is_no_party(name: str) -> None:
    bent = replace(s.CONTRACT, house=node_of(name))
    with pytest.raises(WireFault, match="one node twice"):
        contracts.read_contract(contracts.sign_contract(BUYER, bent))


# ---------------------------------------------------------------- votes


def test_votes_with_a_bond_have_their_time() -> None:
    """Else both sides lose their bonds to the agent, whatever they do."""
    hasty = replace(s.OFFER, times=replace(s.TIMES, vote_us=0))
    with pytest.raises(WireFault, match="nobody has time to vote"):
        offer.read_offer(offer.sign_offer(BUYER, hasty))
    free = replace(hasty, stakes=replace(s.STAKES, vote_bond=0))
    assert offer.read_offer(offer.sign_offer(BUYER, free)) == free
    sealed_us = s.CONTRACT.votes_sealed_until_us
    for bent in (
        replace(s.CONTRACT, votes_open_until_us=sealed_us),
        replace(s.CONTRACT, votes_sealed_until_us=NOW_US + 70 * 60 * SECOND),
    ):
        with pytest.raises(WireFault, match="nobody has time to vote"):
            contracts.read_contract(contracts.sign_contract(BUYER, bent))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"sequence": 0}, "out of order"),
        ({"sequence": 2**64 - 1}, "out of order"),
        ({"sequence": 1}, "the first rating follows none"),
        ({"previous": b""}, "the first rating follows none"),
        ({"pool": b"p" * 31}, "an id of wrong length"),
        ({"brand": b""}, "an id of wrong length"),
        ({"deciding": b"x" * 4000}, "at most 2048 bytes"),
        ({"value": 0}, "about nothing"),
        ({"value": MAX_AMOUNT + 1}, "about nothing"),
        ({"at_us": -1}, "without a time"),
        ({"at_us": 0}, "without a time"),
        ({"agent": b"a" * 31}, "32 bytes"),
    ],
)
def test_ratings_that_cannot_be(changes: dict[str, Any], cause: str) -> None:
    """Also where nobody voted, with whose votes it would have to agree."""
    bent = replace(s.RATING, votes=(), **changes)
    with pytest.raises(WireFault, match=cause):
        votes.read_rating(votes.sign_rating(s.HOUSE_KEY, bent))


@pytest.mark.parametrize(
    "changes",
    [{"pool": b""}, {"agreement": b"a" * 31}, {"account": b"a" * 32}],
)
def test_promises_of_pools_that_cannot_be(changes: dict[str, Any]) -> None:
    bent = replace(s.PROMISE, **changes)
    with pytest.raises(WireFault, match="an id of wrong length"):
        promise.read_pool_promise(promise.sign_pool_promise(s.HOUSE_KEY, bent))


def test_a_promise_of_a_pool_has_an_end() -> None:
    bent = replace(s.PROMISE, branches=s.PROMISE.branches * 100)
    with pytest.raises(WireFault, match="at most 2048 bytes"):
        promise.read_pool_promise(promise.sign_pool_promise(s.HOUSE_KEY, bent))


# ---------------------------------------------------------------- shares


def test_shares_are_what_rows_can_be_read_from() -> None:
    """A path of a batch could be longer than evidence: the node would choke on its own row."""
    share = sign_share(BUYER, digest("commit"))
    words = SaleWords(s.SALE, SaleShare(Decision.AGREE, (share, share)))
    body = decode_words(encode_words(words)).body
    assert isinstance(body, SaleShare)
    assert shares_from_bytes(shares_to_bytes(body.shares)) == body.shares
    for bent in (
        replace(share, size=2, path=(b"x" * 9000,)),
        replace(share, path=(b"x",)),
        replace(share, index=1),
        replace(share, signature=share.signature + b"x" * 9000),
        replace(share, key=b"k" * 9000),
    ):
        words = SaleWords(s.SALE, SaleShare(Decision.AGREE, (share, bent)))
        with pytest.raises(WireFault, match="a share"):
            decode_words(encode_words(words))


# ---------------------------------------------------------------- letters hold them


LONGER_CARD = 900  # a real certificate for TLS makes of 750 characters 1,440, and a long name more
SIGNED_LETTER_BYTES = 3200  # in which somebody names his keys


def signed_letter(body: SaleBody) -> bytes:
    words = encode_words(SaleWords(s.SALE, body))
    letter = Letter(node_of("bob"), node_of("ned"), NOW_US, OfSale(words))
    return sign_letter(BUYER, encode_letter(letter))


def test_an_agent_can_be_asked_whatever_the_rules_are() -> None:
    """The largest documents that are accepted go into one letter: else a seller could answer with
    a rule by which nobody can be asked, and the buyer would not know why."""
    reveal = signed_letter(Reveal(digest("rule"), digest("salt"), s.party(SaleRole.BUYER)))
    assert len(reveal) + LONGER_CARD < SIGNED_LETTER_BYTES
    reveal = bytes(SIGNED_LETTER_BYTES)
    rules = (b"r" * offer.MAX_RULE_BYTES,) * 2
    asked = Asked(b"o" * offer.MAX_OFFER_BYTES, rules, (reveal, reveal))
    assert len(signed_letter(asked)) <= MAX_ENVELOPE_BYTES


def test_the_terms_can_be_sent_whatever_they_are() -> None:
    joins = tuple(signed_letter(Joined(party)) for party in s.PARTIES)
    assert max(map(len, joins)) + LONGER_CARD < SIGNED_LETTER_BYTES
    joins = (bytes(SIGNED_LETTER_BYTES),) * 4
    terms = Terms(
        b"c" * contracts.MAX_CONTRACT_BYTES,
        b"d" * 4096,
        b"p" * promise.MAX_POOL_PROMISE_BYTES,
        joins,
    )
    assert len(signed_letter(terms)) <= MAX_ENVELOPE_BYTES


def test_what_people_write_fits() -> None:
    """A full rule, the longest texts in letters of two bytes, and room to spare."""
    names = [f"agent {i}" for i in range(offer.MAX_RULE_AGENTS)]
    judges = "x" * (1663 - len(s.SIGNED_AGENT_OFFER))  # as long as it is with a real card
    agents = tuple(
        offer.sign_agent_offer(signing_key(name), s.agent_offer(name, judges[:640]))
        for name in names
    )
    full = replace(s.RULE, agents=agents)
    assert offer.read_rule(offer.sign_rule(s.KEYS[SaleRole.SELLER], full)) == full
    text = "ö" * offer.MAX_ARBITRATION_CHARS
    page = replace(s.OFFER, arbitration=text)
    assert offer.read_offer(offer.sign_offer(BUYER, page)) == page
    bent = replace(s.CONTRACT, arbitration=text)
    assert contracts.read_contract(contracts.sign_contract(BUYER, bent)) == bent


@pytest.mark.parametrize(
    ("kind", "read", "most"),
    [
        (offer.OFFER_KIND, offer.read_offer, offer.MAX_OFFER_BYTES),
        (offer.RULE_KIND, offer.read_rule, offer.MAX_RULE_BYTES),
        (offer.AGENT_KIND, offer.read_agent_offer, offer.MAX_AGENT_OFFER_BYTES),
        (contracts.CONTRACT_KIND, contracts.read_contract, contracts.MAX_CONTRACT_BYTES),
        (votes.VOTE_KIND, votes.read_vote, votes.MAX_VOTE_BYTES),
    ],
)
def test_what_is_too_long_is_not_even_verified(kind: str, read: Read, most: int) -> None:
    signed = Envelope.seal(BUYER, kind, bytes(most)).encode()
    with pytest.raises(WireFault, match=f"at most {most} bytes"):
        read(signed)


def test_a_control_proof_names_only_its_own_key() -> None:
    bent = pb.ControlProof(lock=s.CONTROL.lock, challenge=s.CONTROL.challenge, key=b"k" * 32)
    signed = Envelope.seal(s.LOCK_KEY, handover.CONTROL_KIND, bent.SerializeToString()).encode()
    with pytest.raises(WireFault, match="its key did not sign"):
        handover.read_control(signed)
