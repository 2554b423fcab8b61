"""The next record while operators are signing it, each on a machine of its own. Pure.

A draft is a record some of whose signatures are still missing: those on a new root, on newly
certified keys, and on the record itself. The record's own come last, since it contains the others:
whoever signs while parts are incomplete signs the parts, and is asked once more for the whole.
Once a part has enough signatures nobody adds any, so that what the whole covers stands still.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proto.envelope import Proof, sign
from proto.key_certificate import KEY_KIND
from proto.keys import SigningKey
from proto.limits import MAX_RECORD_BYTES, MAX_RECORD_KEYS, MAX_ROOTS
from proto.one_line import from_line, to_line
from proto.registry_record import RECORD_KIND, ROOT_KIND, Root
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse

DRAFT_PREFIX: Final = "pledgeway-record-draft:"
MAX_DRAFT_BYTES: Final = 4 * MAX_RECORD_BYTES  # more signatures than will be needed
RECORD_PART: Final = "the record"


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that lacks signatures: `lacking` more, by some of `keys` (that have not signed)."""

    part: str
    lacking: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Something to be signed under `kind`; every root in `roots` must reach its threshold."""

    name: str
    kind: str
    payload: bytes
    roots: tuple[Root, ...]
    signatures: Any  # repeated pb.Signature of the draft that it belongs to

    def proofs(self) -> list[Proof]:
        return [Proof.from_message(s) for s in self.signatures]

    @property
    def complete(self) -> bool:
        proofs = self.proofs()
        return all(root.approves(proofs, self.kind, self.payload) for root in self.roots)

    def wants(self, key: bytes) -> bool:
        """Whether this key's signature is missing and would help."""
        proofs = self.proofs()
        open_roots = [r for r in self.roots if not r.approves(proofs, self.kind, self.payload)]
        signed = {p.key for p in proofs if p.proves(self.kind, self.payload)}
        return key not in signed and any(key in root.keys for root in open_roots)

    def missing(self) -> list[Missing]:
        proofs = self.proofs()
        signed = {p.key for p in proofs if p.proves(self.kind, self.payload)}
        found = []
        for root in self.roots:
            lacking = root.threshold - len(signed & set(root.keys))
            if lacking > 0:
                left = tuple(key for key in root.keys if key not in signed)
                found.append(Missing(self.name, lacking, left))
        return found


@dataclass(frozen=True, slots=True)
class Draft:
    """SignedRegistryRecord bytes, perhaps with too few signatures to be one."""

    data: bytes

    @property
    def content(self) -> pb.RegistryRecord:
        return pb.RegistryRecord.FromString(pb.SignedRegistryRecord.FromString(self.data).record)

    def encode(self) -> str:
        """One line of text."""
        return to_line(DRAFT_PREFIX, self.data)

    @classmethod
    def decode(cls, text: str) -> "Draft":
        """Raises WireFault. What it contains is for whoever signs it to judge."""
        data = from_line(DRAFT_PREFIX, text, "a draft of a record", MAX_DRAFT_BYTES)
        record = parse(pb.RegistryRecord, parse(pb.SignedRegistryRecord, data).record)
        if not 1 <= len(record.roots) <= MAX_ROOTS or len(record.keys) > MAX_RECORD_KEYS:
            raise WireFault("a draft with too many roots or keys, or without a root")
        for entry in record.roots:
            Root.decode(entry.root)
        return cls(data)

    def missing(self) -> list[Missing]:
        """What has to be signed still; empty = a record."""
        record = self.content
        parts = [m for part in _parts(record) for m in part.missing()]
        return parts or _whole(pb.SignedRegistryRecord.FromString(self.data), record).missing()


def begin(record: pb.RegistryRecord) -> Draft:
    """A draft without a signature on the record itself; those on its parts stay."""
    return Draft(pb.SignedRegistryRecord(record=canonical(record)).SerializeToString())


def sign_draft(draft: Draft, key: SigningKey) -> tuple[Draft, list[str]]:
    """Signs all that this key can sign at this stage: the draft, and the names of those parts."""
    signed, record = _open(draft)
    done = []
    for part in _parts(record):
        if part.wants(key.public):
            part.signatures.append(sign(key, part.kind, part.payload).to_message())
            done.append(part.name)
    _seal(signed, record)
    if all(part.complete for part in _parts(record)):
        whole = _whole(signed, record)
        if whole.wants(key.public):
            signed.signatures.append(sign(key, RECORD_KIND, signed.record).to_message())
            done.append(RECORD_PART)
    return Draft(signed.SerializeToString()), done


def merge(drafts: Sequence[Draft]) -> Draft:
    """The signatures of all of them. Raises WireFault where they are not of one record."""
    first, *others = drafts
    signed, record = _open(first)
    for other in others:
        theirs, content = _open(other)
        if _bare(content) != _bare(record):
            raise WireFault("drafts of different records")
        for mine, part in zip(_parts(record), _parts(content), strict=True):
            _add(mine, part.proofs())
        _seal(signed, record)
        whole = _whole(signed, record)
        if theirs.record == signed.record:
            _add(whole, [Proof.from_message(s) for s in theirs.signatures])
    return Draft(signed.SerializeToString())


def _add(part: _Part, proofs: Iterable[Proof]) -> None:
    for proof in proofs:
        if part.wants(proof.key) and proof.proves(part.kind, part.payload):
            part.signatures.append(proof.to_message())


def _open(draft: Draft) -> tuple[pb.SignedRegistryRecord, pb.RegistryRecord]:
    signed = pb.SignedRegistryRecord.FromString(draft.data)
    return signed, pb.RegistryRecord.FromString(signed.record)


def _seal(signed: pb.SignedRegistryRecord, record: pb.RegistryRecord) -> None:
    """Puts the record in. Signatures on what it was before its parts changed are worth nothing."""
    payload = canonical(record)
    if payload != signed.record:
        signed.record = payload
        del signed.signatures[:]


def _bare(record: pb.RegistryRecord) -> bytes:
    copy = pb.RegistryRecord()
    copy.CopyFrom(record)
    for root in copy.roots:
        del root.signatures[:]
    for key in copy.keys:
        del key.signatures[:]
    return canonical(copy)


def _parts(record: pb.RegistryRecord) -> list[_Part]:
    """New roots and newly certified keys; those that were complete before simply are."""
    roots = [Root.decode(entry.root) for entry in record.roots]
    parts = []
    for i, entry in enumerate(record.roots):
        concerned = (roots[i - 1], roots[i]) if i else (roots[0],)
        name = f"root {roots[i].version}"
        parts.append(_Part(name, ROOT_KIND, entry.root, concerned, entry.signatures))
    for number, key in enumerate(record.keys, start=1):
        name = f"key {number}"
        parts.append(_Part(name, KEY_KIND, key.certificate, (roots[-1],), key.signatures))
    return parts


def _whole(signed: pb.SignedRegistryRecord, record: pb.RegistryRecord) -> _Part:
    newest = Root.decode(record.roots[-1].root)
    return _Part(RECORD_PART, RECORD_KIND, signed.record, (newest,), signed.signatures)
