"""The papers of a sale at each of its steps: what they prove, what is missing, and no secret."""

from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

import pytest

from node.command.sim.cast import digest, signing_key
from node.command.verify_sale_words import missing
from node.core.sale.events import SignDecision
from node.core.sale.reading import decline_of, key_of, sale_of, salt_of, share_at
from node.sale.contradiction import Contradiction, Paper
from node.sale.vault import Vault
from proto.sale.letters import SaleShare, shares_from_bytes
from proto.sale.papers import SalePapers, decode_papers
from proto.sale.stakes import Branch, Decision, Outcome, SaleRole
from proto.wire import WireFault
from tests.node.core.escrow_table import aborted
from tests.node.core.sale_stages import ARBITER, ROLE, STAGES
from tests.node.core.sale_table import KEY
from tests.node.sale.nowhere import assert_nowhere, found_in
from tests.node.sale.papers_table import CHANGED, CREDENTIAL, handed_at, papers, proof

OTHER_PRICE = 1100
ARBITERS = ("", ARBITER)


def shown_at(stage: str, arbiter: str = "", price: int = 1000) -> dict[str, SalePapers]:
    """Of everybody who knows of the sale by then."""
    table = handed_at(stage, arbiter, price)
    return {
        name: papers(table, name)
        for name, person in table.people.items()
        if sale_of(person.memory, table.id) is not None
    }


@pytest.mark.parametrize("arbiter", ARBITERS)
@pytest.mark.parametrize("stage", STAGES)
def test_every_party_can_show_its_papers_at_every_step(stage: str, arbiter: str) -> None:
    shown = shown_at(stage, arbiter)
    assert shown
    done = STAGES.index(stage)
    for name, one in shown.items():
        found = proof(one)
        has_both = done >= STAGES.index("asked")
        assert (found.agent is not None) is has_both, name
        assert (found.contract is not None) is (done >= STAGES.index("agreed")), name
        locked = done >= STAGES.index("locked")
        assert (found.known.get(Decision.LOCK) is Outcome.COMMITTED) is locked, name
        split = done >= STAGES.index("split")
        assert found.branch is (Branch.RELEASED if split else None), name
        assert found.concluded is split, name
        assert found.control is (done >= STAGES.index("shown") and name in ("bob", "ned")), name


def test_what_only_two_of_them_have() -> None:
    shown = shown_at("locked")
    has = {name: (bool(one.credential), bool(one.sealed)) for name, one in shown.items()}
    assert has == {"bob": (False, True), "sally": (True, False), "ned": (True, True)}


@pytest.mark.parametrize("arbiter", ARBITERS)
def test_a_vote_is_in_the_file_once_it_is_open(arbiter: str) -> None:
    before, after = shown_at("split", arbiter), shown_at("voted", arbiter)
    assert not any(one.vote for one in before.values())
    voters = {name for name, one in after.items() if one.vote}
    assert voters == {"bob", "sally"}
    for name in voters:
        vote = proof(after[name]).vote
        assert vote is not None
        assert vote.success


@pytest.mark.parametrize("arbiter", ARBITERS)
def test_everybody_can_show_whose_keys_are_whose(arbiter: str) -> None:
    """Each keeps the letters that came with the terms: without them a signature is anybody's."""
    judges = (SaleRole.AGENT, SaleRole.ARBITER) if arbiter else (SaleRole.AGENT,)
    for name, one in shown_at("agreed", arbiter).items():
        assert proof(one).named == (SaleRole.SELLER, *judges), name


# ---------------------------------------------------------------- another sale's, and bent ones

SWAPS = {
    "offer": Paper.RULES,
    "rules": Paper.RULES,
    "reveals": Paper.REVEALS,
    "joins": Paper.JOINS,
    "contract": Paper.CONTRACT,
    "agreement": Paper.AGREEMENT,
    "promise": Paper.PROMISE,
    "lock": Paper.LOCK,
    "openings": Paper.LOCK,
    "stakes": Paper.STAKES,
    "statement": Paper.STATEMENT,
    "log": Paper.LOG,
    "sealed": Paper.SEALED,
    "control": Paper.CONTROL,
    "vote": Paper.VOTE,
    "certificates": Paper.CERTIFICATES,
}


def whole_file(price: int = 1000) -> SalePapers:
    """The agent's and the buyer's papers put together: one of each kind."""
    shown = shown_at("voted", "", price)
    return replace(shown["bob"], credential=shown["ned"].credential)


def blamed(shown: SalePapers) -> Paper:
    with pytest.raises(Contradiction) as caught:
        proof(shown)
    return caught.value.paper


def test_every_paper_is_in_the_table_of_swaps() -> None:
    assert {field.name for field in fields(SalePapers)} - {"records", "credential"} == set(SWAPS)
    shown = whole_file()
    assert all(getattr(shown, name) for name in SWAPS)
    assert proof(shown).concluded


@pytest.mark.parametrize("name", SWAPS)
def test_a_paper_of_another_sale_is_named(name: str) -> None:
    shown, other = whole_file(), whole_file(OTHER_PRICE)
    swapped = replace(shown, **{name: getattr(other, name)})
    assert blamed(swapped) is SWAPS[name]


def _bent(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


BYTES = tuple(n for n in SWAPS if isinstance(getattr(SalePapers(b""), n), bytes))
LISTS = ("rules", "reveals", "joins", "stakes", "log")


@pytest.mark.parametrize("name", [*BYTES, *LISTS])
def test_a_bent_paper_is_named(name: str) -> None:
    """One bit, at many places of it: nothing is proven any more, whatever is to blame."""
    shown = whole_file()
    value = getattr(shown, name)
    data = value if isinstance(value, bytes) else next(filter(None, value))
    for at in range(0, len(data), max(1, len(data) // 12)):
        bent: object = _bent(data, at)
        if not isinstance(value, bytes):
            bent = tuple(bent if one is data else one for one in value)
        blamed(replace(shown, **{name: bent}))


def test_what_was_sealed_to_the_agent_is_compared_with_his_log() -> None:
    """Nobody signed it: where the log has another, that is said, and the rest still holds."""
    shown, other = whole_file(), whole_file(OTHER_PRICE)
    assert proof(shown).credential_logged is True
    for credential in (other.credential, _bent(shown.credential, 50)):
        found = proof(replace(shown, credential=credential))
        assert found.credential_logged is False
        assert found.concluded
        assert any("never gave" in line for line in missing(found))
    assert proof(replace(shown, credential=b"")).credential_logged is None


EMPTY = SalePapers(b"")
LESS = {
    "promise": "promised",
    "stakes": "stakes",
    "control": "control",
    "vote": "vote",
}


@pytest.mark.parametrize("name", LESS)
def test_a_paper_that_is_not_there_proves_less(name: str) -> None:
    less = proof(replace(whole_file(), **{name: getattr(EMPTY, name)}))
    assert less.branch is Branch.RELEASED
    assert not getattr(less, LESS[name])


def test_without_certificates_nothing_is_concluded() -> None:
    shown = whole_file()
    for left_out in range(len(shown.certificates)):
        kept = shown.certificates[:left_out] + shown.certificates[left_out + 1 :]
        found = proof(replace(shown, certificates=kept))
        needed = shown.certificates[left_out].commit_id in _deciding(shown)
        assert found.concluded is not needed


def test_without_the_letters_that_name_keys_the_buyer_could_have_made_it_up() -> None:
    shown = whole_file()
    for at in range(2):
        joins = (*shown.joins[:at], b"", *shown.joins[at + 1 :])
        found = proof(replace(shown, joins=joins))
        assert not found.concluded
        assert found.branch is None


def test_a_t1_that_came_to_nothing() -> None:
    """It counts only with all stakes promised: the buyer can make any number of others."""
    table = handed_at("locking")
    table.carry(lambda _, body: None if isinstance(body, SaleShare) else body)
    shown = papers(table, "bob")
    assert all(shown.stakes)
    dead = replace(shown, certificates=(*shown.certificates, aborted(shown.lock)))
    assert proof(dead).came_to_nothing
    for at in range(3):
        stakes = (*dead.stakes[:at], b"", *dead.stakes[at + 1 :])
        assert not proof(replace(dead, stakes=stakes)).concluded


def test_a_t0_that_came_to_nothing() -> None:
    """It counts only where it is the one that the house has promised for."""
    shown = replace(shown_at("agreed")["bob"], certificates=())
    dead = replace(shown, certificates=(aborted(shown.agreement),))
    assert proof(dead).came_to_nothing
    assert not proof(replace(dead, promise=b"")).concluded


def test_a_registry_that_signs_both_ways_proves_nothing() -> None:
    shown = whole_file()
    lie = aborted(shown.lock)
    assert blamed(replace(shown, certificates=(*shown.certificates, lie))) is Paper.CERTIFICATES


ENDINGS = [
    ((Decision.RELEASE, Decision.DELIVERED), Branch.REFUND_PLAIN),
    ((Decision.RELEASE, Decision.REFUND, Decision.CHALLENGE), Branch.RELEASED),
]


@pytest.mark.parametrize(("dead", "branch"), ENDINGS)
def test_what_holds_where_decisions_were_aborted(
    dead: tuple[Decision, ...], branch: Branch
) -> None:
    shown = whole_file()
    decided, contract = proof(shown).decided, proof(shown).contract
    assert contract is not None
    kept = [c for c in shown.certificates if c.commit_id != decided[Decision.RELEASE].commit_id]
    if Decision.DELIVERED in dead:
        kept = [c for c in kept if c.commit_id != decided[Decision.DELIVERED].commit_id]
    made = [aborted(contract.decisions[decision]) for decision in dead]
    if branch is Branch.REFUND_PLAIN:
        made.append(aborted(contract.decisions[Decision.REFUND]))
    found = proof(replace(shown, vote=b"", certificates=(*kept, *made)))
    assert found.branch is branch


def _deciding(shown: SalePapers) -> set[bytes]:
    decided = proof(shown).decided
    return {decided[d].commit_id for d in (Decision.LOCK, Decision.RELEASE)}


def test_a_certificate_needs_a_record_of_its_registry() -> None:
    assert blamed(replace(whole_file(), records=())) is Paper.CERTIFICATES


@pytest.mark.parametrize("data", [b"", b"nonsense", b"{}", b"\x0a\x01x", b"\xff" * 1_000_000])
def test_what_is_no_file_of_a_sale(data: bytes) -> None:
    with pytest.raises(WireFault):
        decode_papers(data)


# ---------------------------------------------------------------- secrets


def secrets_at(stage: str, arbiter: str) -> dict[str, bytes]:
    """All that must not stand in anybody's file at that step, by name."""
    table = handed_at(stage, arbiter)
    found = {"the credential": CREDENTIAL, "the changed one": CHANGED}
    if STAGES.index(stage) < STAGES.index("locked"):
        found["K"] = KEY
    for name in table.people:
        role = ROLE[name]
        found[f"{name}'s seed"] = digest("seed " + name)
        found[f"{name}'s identity"] = signing_key(name).seed
        found[f"{name}'s box"] = Vault(signing_key(name)).box(table.id, role).reveal()
        found[f"{name}'s decline"] = decline_of(digest("seed " + name))
        found[f"{name}'s capability"] = digest("capability " + name)
        found[f"{name}'s next salt"] = salt_of(digest("seed " + name), 7)
        for decision in Decision:
            found[f"{name}'s {decision.name}"] = key_of(digest("seed " + name), decision).seed
    return found


@pytest.mark.parametrize("arbiter", ARBITERS)
@pytest.mark.parametrize("stage", ["handed", "locking", "voted"])
def test_no_secret_is_in_anybodys_file(stage: str, arbiter: str, tmp_path: Path) -> None:
    for name, one in shown_at(stage, arbiter).items():
        (tmp_path / f"{name}.sale").write_bytes(one.encode())
    for what, secret in secrets_at(stage, arbiter).items():
        assert len(secret) >= 12, what
        assert_nowhere(secret, tmp_path)


def test_the_search_would_find_the_key_where_it_is_public() -> None:
    assert found_in(KEY, shown_at("locked")["bob"].encode())


def test_no_share_of_an_open_decision_is_in_the_file() -> None:
    """Who had two of them could release the pool with the file in his hand."""
    table, open_ones = handed_at("locked"), 0
    bob = table.people["bob"]
    bob.take(SignDecision(bob.now_us, table.id, Decision.RELEASE))  # on its way to the others
    for name in table.people:
        data = papers(table, name).encode()
        for role in SaleRole:
            kept = table.sale(name).shares[share_at(Decision.RELEASE, role)]
            open_ones += len(shares_from_bytes(kept))
            assert not any(share.signature in data for share in shares_from_bytes(kept))
    assert open_ones


def test_the_key_that_t1_shows_is_the_one_of_the_statement() -> None:
    found = proof(whole_file())
    assert found.handed is not None
    assert found.decided[Decision.LOCK].keys == (KEY,)
    assert found.handed.key_hash == sha256(KEY).digest()
