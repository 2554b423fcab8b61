"""Targets: what `proto` reads, as it travels and, behind a signature, as its signer wrote it.

A mutation never gets through a signature. So where content is signed the target signs it: what a
stranger signs himself is as much a stranger's as the rest.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from node.command.sim.cast import NOW_US, R1, R2, RECORDS, root_of
from proto.advert_file import advert_texts
from proto.adverts import (
    FRAUD_KIND,
    LINE_KIND,
    NODE_KIND,
    RECORD_KIND,
    FraudAdvert,
    RecordAdvert,
    read_advert,
)
from proto.avoiding import CannotAvoid, read_avoided, read_line
from proto.card import (
    CARD_KIND,
    CARD_PREFIX,
    PATHFINDER_CARD_KIND,
    PATHFINDER_CARD_PREFIX,
    read_card,
    read_pathfinder_card,
    read_peer_card,
    sign_card,
    sign_pathfinder_card,
)
from proto.certificate import (
    AbortCertificate,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
    verify_interim,
)
from proto.checkpoint import Checkpoint, cosigned_at_s, log_note_key, read_checkpoint
from proto.commit import Commit, Evidence, commit_is_valid
from proto.descriptor import DescriptorInvalid, decode_descriptor
from proto.envelope import Envelope, Proof
from proto.fraud.file import read_fraud_proof
from proto.fraud.verdict import FraudInvalid
from proto.fraud.verify import verify_fraud
from proto.gossip_summary import FAN, ID_BYTES, VERSION_BYTES
from proto.gossip_sync import Answer, Ask, Look, Sight, read_sync
from proto.key_certificate import read_key_certificate, verify_node_key
from proto.keys import KeyPurpose
from proto.log_leaf import decision_of, read_leaf
from proto.messages import decode, encode
from proto.money import Rate
from proto.note import Note, NoteKey, note_signed, sign_note
from proto.one_line import to_line
from proto.onion import _LAYER, _decode, _encode, unwrap
from proto.registry_list import LIST_KIND, list_from_text, list_id, make_list, read_list
from proto.registry_record import RECORD_KIND as SIGNED_RECORD
from proto.registry_record import Root, read_record
from proto.request import REQUEST_KIND, from_text, read_request, sign_request, to_text
from proto.statement import Interim, SignedStatement, Statement
from proto.tlog_proof import LogProof, proven_in
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse
from tests.fuzz import values as v
from tests.fuzz.mutate import Form
from tests.fuzz.target import Target

WIRE: Final = (WireFault,)
TEXT: Final = Form.TEXT
FRAUDS: Final = Path(__file__).parent.parent / "vectors" / "fraud"


def _sealed(kind: str, payload: bytes) -> bytes:
    return Envelope.seal(v.NODE, kind, payload).encode()


def _certificate(data: bytes) -> Any:
    read = CommitCertificate.decode(data)
    verify_commit_certificate(read, RECORDS, NOW_US)
    return read


def _abort(data: bytes) -> Any:
    read = AbortCertificate.decode(data)
    verify_abort_certificate(read, RECORDS, NOW_US)
    return read


def _commit(data: bytes) -> Any:
    commit = Commit.from_message(parse(pb.Commit, data))
    return commit_is_valid(decode_descriptor(commit.descriptor), commit) or None


def _statement(data: bytes) -> Any:
    read = Statement.decode(data)
    decision_of(read)
    return read


def _leaf(data: bytes) -> Any:
    leaf = read_leaf(data)
    assert type(leaf).decode(data) == leaf
    return leaf


def _key(data: bytes) -> Any:
    signed = parse(pb.SignedKeyCertificate, data)
    certificate = read_key_certificate(signed)
    verify_node_key(signed, v.NODE.public, KeyPurpose.SEAL, NOW_US)
    return certificate


def _record(content: bytes) -> bytes:
    """The record as its operators would sign it, whatever it says."""
    proofs = [_by(key, content).to_message() for key in v.REGISTRY.operators[:2]]
    return pb.SignedRegistryRecord(record=content, signatures=proofs).SerializeToString()


def _by(key: Any, content: bytes) -> Proof:
    return Proof(key.public, key.sign(SIGNED_RECORD, content))


def _content(record: Any) -> bytes:
    return parse(pb.SignedRegistryRecord, record.signed).record


def _list(content: bytes) -> bytes:
    message = parse(pb.RegistryListAdvert, content)
    message.owner, message.list_id = v.NODE.public, list_id(v.NODE.public)
    return _sealed(LIST_KIND, message.SerializeToString())


def _checkpoint(data: bytes) -> Any:
    """A log signs whatever text it likes; whether it is one is the reader's to find out."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise WireFault("not UTF-8") from error
    text = text if text.endswith("\n") else text + "\n"
    note = Note(text, (sign_note(text, v.ORIGIN, v.LOG),))
    checkpoint, _ = read_checkpoint(note.encode(), log_note_key(v.ORIGIN, v.LOG.public))
    return checkpoint


def _note(data: bytes) -> Any:
    note = Note.decode(data)
    note_signed(note, log_note_key(v.ORIGIN, v.LOG.public))
    cosigned_at_s(note, v.WITNESS)
    return note


def _proof(data: bytes) -> Any:
    proof = LogProof.decode(data)
    proven_in(proof, b"leaf", [log_note_key(v.ORIGIN, v.LOG.public)])
    return proof


def _layer(data: bytes) -> Any:
    return _decode(data[: _LAYER.size].ljust(_LAYER.size, b"\0"))


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """A parser of characters: bytes that are none never reach it."""

    def reading(data: bytes) -> Any:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        return read(text)

    return reading


def _fraud(data: bytes) -> Any:
    verify_fraud(read_fraud_proof(data), now_us=NOW_US, known=RECORDS)
    return True


def _certified_itself(data: bytes) -> Any:
    """An advert that needs no signature of whoever passes it on."""
    for kind in (RECORD_KIND, FRAUD_KIND):
        try:
            read = read_advert(Envelope(kind, data, Proof(b"", b"")).encode(), NOW_US)
        except WireFault:
            continue
        assert isinstance(read, RecordAdvert | FraudAdvert)
        assert read.key and read.sequence >= 0 and read.expires_at_us
        return read
    return None


def _find(name: str) -> list[str]:
    return [name] if len(name) == 1 else []


def _frauds() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(FRAUDS.glob("*.fraud"))[::4])


def travelling() -> list[Target]:
    """As bytes, before any signature counts."""
    statements = (*v.COLLECTED.statements, *v.ABORTED.statements)
    sync = (
        Ask(1, (Look(""), Look("a0", b"d" * ID_BYTES, True)), (b"w" * ID_BYTES,), True),
        Answer(
            2,
            (Sight((b"h" * ID_BYTES,) * FAN), Sight(items={b"i" * ID_BYTES: b"v" * VERSION_BYTES})),
            3,
        ),
    )
    return [
        Target("descriptor", decode_descriptor, (DescriptorInvalid,),
               tuple(d.encode() for d in v.DESCRIPTORS), lambda d: d.encode(), exact=True),
        Target("envelope", Envelope.decode, WIRE, v.ADVERTS, lambda e: e.encode()),
        Target("message", decode, WIRE,
               tuple(encode(v.NODE.node_id, v.PEER.node_id, body) for body in v.BODIES),
               lambda read: encode(*read)),
        Target("evidence", Evidence.decode, WIRE, (v.RELAYED.encode(), v.COMMIT.evidence),
               lambda e: e.encode()),
        Target("commit", _commit, (WireFault, DescriptorInvalid),
               (v.COMMIT.to_message().SerializeToString(),)),
        Target("statement", _statement, WIRE, (*(s.statement for s in statements), v.CLOSED),
               lambda s: s.encode()),
        Target("signed statement", SignedStatement.decode, WIRE,
               tuple(s.encode() for s in statements), lambda s: s.encode()),
        Target("interim", Interim.decode, WIRE, (v.INTERIM.encode(),), lambda i: i.encode()),
        Target("signed interim", lambda d: verify_interim(d, RECORDS, NOW_US), WIRE,
               (v.SIGNED_INTERIM,)),
        Target("log leaf", _leaf, WIRE,
               (*(Statement.decode(s.statement).leaf for s in statements), *v.LEAVES[1:]),
               lambda leaf: leaf.encode()),
        Target("commit certificate", _certificate, (WireFault, CertificateInvalid),
               (v.COMMITTED.encode(), v.COLLECTED.encode()), lambda c: c.encode()),
        Target("abort certificate", _abort, (WireFault, CertificateInvalid),
               (v.ABORTED.encode(),), lambda c: c.encode()),
        Target("key certificate", _key, WIRE, (v.node_key(KeyPurpose.SEAL),)),
        Target("root", Root.decode, WIRE, (root_of(v.REGISTRY.operators).encode(),),
               lambda root: root.encode(), exact=True),
        Target("record", read_record, WIRE, (R1.record.signed, R2.record.signed)),
        Target("advert", lambda d: read_advert(d, NOW_US), WIRE, v.ADVERTS),
        Target("advert that certifies itself", _certified_itself, (),
               (R1.record.signed, *_frauds()[:2])),
        Target("fraud file", read_fraud_proof, WIRE, _frauds(), lambda f: f.encode()),
        Target("fraud verdict", _fraud, (WireFault, FraudInvalid), _frauds(), cost=4),
        Target("onion packet", lambda d: unwrap(v.SEAL, d, v.BINDING), (), (v.packet(),)),
        Target("onion layer", _layer, (), (_encode(v.FORWARD), _encode(v.DELIVER)), _encode),
        Target("gossip turn", read_sync, WIRE, tuple(s.encode() for s in sync),
               lambda s: s.encode()),
    ]  # fmt: skip


def signed() -> list[Target]:
    """As their signer wrote them: the target signs the bytes and reads what it signed."""

    def request(data: bytes) -> Any:
        return read_request(_sealed(REQUEST_KIND, data), NOW_US)

    def advert(kind: str) -> Callable[[bytes], Any]:
        return lambda data: read_advert(_sealed(kind, data), NOW_US)

    def card(data: bytes) -> Any:
        return read_card(to_line(CARD_PREFIX, _sealed(CARD_KIND, data)), NOW_US)

    def finder(data: bytes) -> Any:
        line = to_line(PATHFINDER_CARD_PREFIX, _sealed(PATHFINDER_CARD_KIND, data))
        return read_pathfinder_card(line, NOW_US)

    def finder_bytes(read: Any) -> bytes:
        node = pb.NodeCard.FromString(read.node.encode())
        return canonical(pb.PathFinderCard(node=node, service=read.service))

    parts = canonical(
        pb.RegistryListAdvert(registries=v.LIST.registries, sequence=3, expires_at_us=NOW_US)
    )
    return [
        Target("request as signed", request, WIRE, (v.REQUEST.encode(),), lambda r: r.encode()),
        Target("node advert as signed", advert(NODE_KIND), WIRE, (v.NODE_ADVERT.encode(),),
               lambda a: a.encode()),
        Target("line advert as signed", advert(LINE_KIND), WIRE, (v.LINE_ADVERT.encode(),),
               lambda a: a.encode()),
        Target("registry list as signed", lambda d: read_list(_list(d)), WIRE, (parts,)),
        Target("registry record as signed", lambda d: read_record(_record(d)), WIRE,
               (_content(v.REGISTRY.record),), _content, exact=True, cost=2),
        Target("card as signed", card, WIRE, (v.CARD.encode(),), lambda c: c.encode()),
        Target("path finder's card as signed", finder, WIRE, (finder_bytes(v.FINDER_CARD),),
               finder_bytes),
        Target("checkpoint as signed", _checkpoint, WIRE, (v.NOTE.partition(b"\n\n")[0],),
               lambda c: c.text().encode(), form=TEXT),
    ]  # fmt: skip


def texts() -> list[Target]:
    """Lines that people paste, and files of lines."""
    line = sign_request(v.NODE, v.REQUEST)
    cards = (sign_card(v.NODE, v.CARD), sign_pathfinder_card(v.NODE, v.FINDER_CARD))
    listed = make_list(v.NODE, v.LIST.registries, 3, NOW_US).to_text()

    def adverts(data: bytes) -> Any:
        return list(advert_texts(data.splitlines(keepends=True)))

    return [
        Target("request", _text(lambda t: read_request(from_text(t), NOW_US)), WIRE,
               (to_text(line).encode(),), form=TEXT),
        Target("card", _text(lambda t: read_peer_card(t, NOW_US)), WIRE,
               tuple(c.encode() for c in cards), form=TEXT),
        Target("registry list", _text(list_from_text), WIRE, (listed.encode(),), form=TEXT),
        Target("note", _note, WIRE, (v.NOTE,), lambda n: n.encode(), exact=True, form=TEXT),
        Target("note key", _text(NoteKey.decode), WIRE, (v.WITNESS.encode().encode(),),
               lambda k: k.encode().encode(), exact=True, form=TEXT),
        Target("log proof", _proof, WIRE, (v.PROOF.encode(),), lambda p: p.encode(), form=TEXT),
        Target("checkpoint", _text(Checkpoint.parse), WIRE,
               (Checkpoint(v.ORIGIN, 11, b"r" * 32).text().encode(),),
               lambda c: c.text().encode(), form=TEXT),
        Target("advert file", adverts, (), (v.ADVERT_FILE,), form=TEXT),
        Target("wish to avoid", _text(lambda t: read_avoided(t, _find)), (CannotAvoid,),
               (b"A", "A→B".encode(), b"A-B"), form=TEXT),
        Target("line to avoid", _text(lambda t: read_line(*_halves(t), _find)), (CannotAvoid,),
               (b"A B",), form=TEXT),
        Target("rate", _text(Rate.parse), (ValueError,), (b"1.0005", b"1"),
               lambda r: str(r).encode(), form=TEXT),
    ]  # fmt: skip


def _halves(text: str) -> tuple[str, str]:
    first, _, second = text.partition(" ")
    return first, second
