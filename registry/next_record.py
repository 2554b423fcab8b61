"""From a wish to the next record: what root keys at hand can sign at once, and what cannot.

With enough root keys in root/ a change is published in one go. Otherwise it waits in record.draft
for operators' signatures, and further changes are made to that draft.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from proto.keys import KEY_BYTES, KeyCertificate, KeyPurpose, SigningKey
from proto.registry_record import RegistryRecord, read_record
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from registry.config import Config, read_config
from registry.home import (
    KEY_LEAD_US,
    ONLINE_KEY_LIFE_US,
    Entropy,
    Home,
    HomeFault,
    key_text,
    load_record,
    load_root_keys,
    read_key,
    write_public,
)
from registry.key_change import ChangeRefused, with_new_key, with_revocation
from registry.keyring import key_ring
from registry.record import RECORD_LIFE_US, content_of, fill_record
from registry.record_draft import Draft, Missing, begin, merge, sign_draft
from runtime.address import split_address
from runtime.tls import write_private

Change = Callable[[pb.RegistryRecord], pb.RegistryRecord]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What became of a change: the record where it is published, what it lacks where it is not."""

    record: RegistryRecord | None
    draft: Draft
    missing: tuple[Missing, ...] = ()


def propose(home: Home, change: Change, now_us: int) -> Proposal:
    """Makes the next record, of config.toml and `change`, and publishes it if that can be signed.

    HomeFault, ConfigFault, ChangeRefused.
    """
    record = load_record(home.record)
    config = read_config(home.config)
    base = _pending(home, record) or content_of(record.signed)
    wanted = change(_configured(base, config, record))
    wanted.sequence = record.sequence + 1
    wanted.expires_at_us = now_us + RECORD_LIFE_US
    return _go_on(home, begin(wanted))


def collect(home: Home, drafts: Sequence[Draft]) -> Proposal:
    """The signatures that operators have sent back, and those of root keys at hand. HomeFault."""
    record = load_record(home.record)
    try:
        draft = merge(drafts)
    except WireFault as fault:
        raise HomeFault(str(fault)) from fault
    if draft.content.registry_key_id != record.registry:
        raise HomeFault("a draft of another registry's record")
    if draft.content.sequence != record.sequence + 1:
        raise HomeFault(
            f"a draft of record {draft.content.sequence}, but {home.record} is number"
            f" {record.sequence}: make a new draft"
        )
    return _go_on(home, draft)


def _go_on(home: Home, draft: Draft) -> Proposal:
    for key in load_root_keys(home) * 2:  # the record can be signed once all its parts are
        draft, _ = sign_draft(draft, key)
    missing = tuple(draft.missing())
    if missing:
        write_public(home.draft, draft.encode().encode() + b"\n")
        return Proposal(None, draft, missing)
    try:
        record = read_record(draft.data)
    except WireFault as fault:
        raise HomeFault(f"the next record would be refused everywhere: {fault}") from fault
    if not record.replaces(load_record(home.record)):
        raise HomeFault("the draft does not continue the record that is in force")
    write_public(home.record, draft.data)
    # Crash here: the record is in force; its draft is one number behind and is not used any more.
    home.draft.unlink(missing_ok=True)
    return Proposal(record, draft)


def load_draft(path: Path) -> Draft:
    """HomeFault."""
    try:
        return Draft.decode(path.read_text())
    except OSError as error:
        raise HomeFault(f"{path}: cannot be read: {error.strerror}") from error
    except (WireFault, UnicodeDecodeError) as fault:
        raise HomeFault(f"{path}: {fault}") from fault


def _pending(home: Home, record: RegistryRecord) -> pb.RegistryRecord | None:
    if not home.draft.exists():
        return None
    content = load_draft(home.draft).content
    return content if content.sequence == record.sequence + 1 else None


def _configured(
    base: pb.RegistryRecord, config: Config, known: RegistryRecord
) -> pb.RegistryRecord:
    """With port 0 the record says where it listened last; the next start corrects it."""
    archive = urlsplit(known.archive_url).netloc
    return fill_record(
        base,
        config,
        _address(config.listen, known.grpc_target),
        _address(config.archive, archive),
    )


def _address(configured: str, recorded: str) -> str:
    wanted = split_address(configured)
    return recorded if wanted is not None and wanted[1] == 0 else configured


def new_key(home: Home, purpose: KeyPurpose, begins_us: int, entropy: Entropy) -> KeyCertificate:
    """A key in keys/, for a record to certify. Durable before anybody can rely on it. HomeFault.

    Crash after it: a key that no record certifies; it signs nothing.
    """
    key = SigningKey(entropy(KEY_BYTES))
    owner = load_record(home.record).registry
    path = home.next_key(purpose)
    try:
        write_private(path, key_text(key))
    except OSError as error:
        raise HomeFault(f"{path}: cannot be written: {error.strerror}") from error
    return KeyCertificate(owner, purpose, key.public, begins_us, begins_us + ONLINE_KEY_LIFE_US)


def rotate(
    home: Home, purposes: Sequence[KeyPurpose], lead_us: int, now_us: int, entropy: Entropy
) -> Proposal:
    """New keys that take over after `lead_us`: until then everybody can hear of them.

    HomeFault, ConfigFault, ChangeRefused.
    """
    begins_us = now_us + lead_us if lead_us else now_us - KEY_LEAD_US
    certificates = [new_key(home, purpose, begins_us, entropy) for purpose in purposes]

    def change(record: pb.RegistryRecord) -> pb.RegistryRecord:
        for certificate in certificates:
            record = with_new_key(record, certificate)
        return record

    return propose(home, change, now_us)


def revoke(
    home: Home, key: bytes, at_us: int, now_us: int, entropy: Entropy
) -> tuple[Proposal, bool]:
    """Ends a key at `at_us`. True where another had to be made, since no other is in force.

    HomeFault, ConfigFault, ChangeRefused.
    """
    record = load_record(home.record)
    found = next((c for c in (*record.statement_keys, *record.log_keys) if c.key == key), None)
    if found is None:
        raise ChangeRefused("no key that this registry's record certifies")
    held = key_ring(record, (read_key(path) for path in home.online_keys())).held
    others = [
        h
        for h in held
        if h.key.public != key and h.certificate.purpose is found.purpose and h.in_force(now_us)
    ]
    successor = None
    if not others:
        successor = new_key(home, found.purpose, now_us - KEY_LEAD_US, entropy)

    def change(content: pb.RegistryRecord) -> pb.RegistryRecord:
        content = with_revocation(content, key, at_us)
        return content if successor is None else with_new_key(content, successor)

    return propose(home, change, now_us), successor is not None
