"""Whose clocks count against a registry: the options that name witnesses and monitors."""

from node.command.exit_status import UNUSABLE, fail
from proto.fraud.accused import MonitorsOf, WitnessesOf, no_monitors, record_witnesses
from proto.keys import KEY_BYTES
from proto.note import COSIGNATURE, NoteKey
from proto.registry_record import RegistryRecord
from proto.wire import WireFault


def witnesses_by(texts: tuple[str, ...], quorum: int | None) -> WitnessesOf:
    """Of --witness KEY... and --quorum N; those of a registry's record where none is named."""
    if not texts:
        if quorum is not None:
            fail(UNUSABLE, "--quorum counts the witnesses named by --witness KEY: name them")
        return record_witnesses
    try:
        keys = tuple(NoteKey.decode(text) for text in texts)
    except WireFault as fault:
        fail(UNUSABLE, f"--witness: {fault}")
    if any(key.algorithm != COSIGNATURE for key in keys):
        fail(UNUSABLE, "--witness: a key that makes no cosignatures is no witness's")
    if quorum is not None and quorum > len(keys):
        fail(UNUSABLE, f"--quorum {quorum} is more than the {len(keys)} witnesses named")
    needed = quorum if quorum is not None else len(keys) // 2 + 1

    def named(_: RegistryRecord) -> tuple[tuple[NoteKey, ...], int]:
        return keys, needed

    return named


def monitors_by(texts: tuple[str, ...], option: str = "--monitor") -> MonitorsOf:
    """Of --monitor KEY...: more than half of those named have to agree."""
    if not texts:
        return no_monitors
    try:
        keys = tuple(dict.fromkeys(bytes.fromhex(text) for text in texts))
    except ValueError:
        fail(UNUSABLE, f"{option}: an Ed25519 public key, 64 hex digits")
    if any(len(key) != KEY_BYTES for key in keys):
        fail(UNUSABLE, f"{option}: an Ed25519 public key, 64 hex digits")

    def named(_: RegistryRecord) -> tuple[tuple[bytes, ...], int]:
        return keys, len(keys) // 2 + 1

    return named
