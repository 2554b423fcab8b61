"""Log proofs as text: the specification's form, and every change to one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import digest
from proto.checkpoint import Checkpoint, log_note_key, sign_checkpoint
from proto.keys import SigningKey
from proto.limits import MAX_LOG_PATH, MAX_TLOG_PROOF_BYTES
from proto.tlog_proof import LogProof, proven_in
from proto.wire import WireFault
from tests.proto.log_reference import entry, mth, numbered, path
from tests.proto.test_note import mutated

LOG, NEXT = SigningKey(digest("log")), SigningKey(digest("next log key"))
ORIGIN = "registry.example/abcd/2026"
KEYS = [log_note_key(ORIGIN, NEXT.public), log_note_key(ORIGIN, LOG.public)]
LEAVES = numbered(11)
CHECKPOINT = Checkpoint(ORIGIN, 11, mth(LEAVES))
NOTE = sign_checkpoint(CHECKPOINT, LOG)
PROOF = LogProof(6, tuple(path(6, LEAVES)), NOTE.encode())
HASH = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ="


def test_the_form_of_the_specification() -> None:
    data = PROOF.encode()
    lines = data.decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 6"]
    assert lines[6:8] == ["", ORIGIN]
    assert LogProof.decode(data) == PROOF
    # Extra data is not authenticated: it is read over.
    extra = data.replace(b"index 6", b"extra YWdlLXYxLjIuMQ==\nindex 6")
    assert LogProof.decode(extra) == PROOF
    alone = LogProof(0, (), b"checkpoint\n")
    assert alone.encode() == b"c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n"
    assert LogProof.decode(alone.encode()) == alone


def test_a_leaf_is_proven_by_any_key_of_the_log() -> None:
    assert proven_in(PROOF, entry(6), KEYS) == (CHECKPOINT, NOTE)
    assert proven_in(PROOF, entry(7), KEYS) is None
    assert proven_in(LogProof(7, PROOF.path, PROOF.checkpoint), entry(6), KEYS) is None
    assert proven_in(PROOF, entry(6), KEYS[:1]) is None
    assert proven_in(PROOF, entry(6), []) is None
    elsewhere = [log_note_key("registry.example/abcd/2027", LOG.public)]
    assert proven_in(PROOF, entry(6), elsewhere) is None
    assert proven_in(LogProof(6, PROOF.path, b"no note"), entry(6), KEYS) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n\n",
        "c2sp.org/tlog-proof@v1\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 05\n\ncheckpoint\n",
        f"c2sp.org/tlog-proof@v1\nindex {2**63}\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nä\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + f"{HASH}\n" * (MAX_LOG_PATH + 1) + "\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n" + "c" * MAX_TLOG_PROOF_BYTES,
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(WireFault):
        LogProof.decode(text.encode())


@given(st.data())
def test_a_changed_proof_proves_nothing_else(data: st.DataObject) -> None:
    try:
        proof = LogProof.decode(mutated(data, PROOF.encode()))
    except WireFault:
        return
    found = proven_in(proof, entry(6), KEYS)
    if found is not None:
        assert (proof.index, proof.path, found[0]) == (6, PROOF.path, CHECKPOINT)
    assert all(proven_in(proof, entry(i), KEYS) is None for i in range(11) if i != 6)
