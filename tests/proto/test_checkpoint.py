"""Checkpoints and cosignatures: one from the public witness network, and forged ones."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import digest
from proto.checkpoint import (
    MAX_TIME_S,
    Checkpoint,
    cosign,
    cosignature_times_s,
    cosigned_at_s,
    log_note_key,
    read_checkpoint,
    sign_checkpoint,
)
from proto.keys import SigningKey
from proto.note import COSIGNATURE, Note, NoteKey, NoteSignature
from proto.wire import WireFault
from tests.proto.test_note import mutated

# A checkpoint of a public log with the cosignatures of public witnesses, and a signature of a
# kind that we do not know (its first).
PUBLIC = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHb\
dQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3Nyg\
NI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhI\
gcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75\
W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTy\
nk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/\
2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""
PUBLIC_LOG = NoteKey.decode(
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
)
PUBLIC_WITNESSES = [
    NoteKey.decode(text)
    for text in (
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "transparency.dev/DEV:witness-little-garden+d8042a87"
        "+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
        "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
        "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    )
]
LOG = SigningKey(digest("log"))
ORIGIN = "registry.example/abcd/2026"
CHECKPOINT = Checkpoint(ORIGIN, 7, digest("root"))
WITNESSES = [SigningKey(digest(f"witness {i}")) for i in range(3)]
KEYS = [NoteKey(f"w.example/{i}", COSIGNATURE, k.public) for i, k in enumerate(WITNESSES)]


def test_a_public_checkpoint_with_its_witnesses() -> None:
    checkpoint, note = read_checkpoint(PUBLIC.encode(), PUBLIC_LOG)
    assert checkpoint.size == 1_432_088_532
    assert note.encode() == PUBLIC.encode()
    times = cosignature_times_s(note, PUBLIC_WITNESSES)
    assert times == {key.name: 1_779_573_024 for key in PUBLIC_WITNESSES}


def test_round_trip() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    key = log_note_key(ORIGIN, LOG.public)
    assert read_checkpoint(note.encode(), key) == (CHECKPOINT, note)
    assert Checkpoint.parse(CHECKPOINT.text()) == CHECKPOINT
    assert Checkpoint.parse(CHECKPOINT.text() + "an extension\n") == CHECKPOINT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n7\n",
        "a\n7\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=",
        "a\n07\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n",
        "a\n-7\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n",
        "a\n7\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4A==\n",
        "a\n7\n\n",
        "\n7\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n",
        "a b\n7\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n",
        "a\n7\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n",
        "a\n7\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\nmore\n",
        f"a\n{2**63}\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(WireFault):
        Checkpoint.parse(text)


def test_another_logs_checkpoint_is_refused() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG).encode()
    with pytest.raises(WireFault, match="another log"):
        read_checkpoint(note, log_note_key("registry.example/abcd/2027", LOG.public))
    with pytest.raises(WireFault, match="did not sign"):
        read_checkpoint(note, log_note_key(ORIGIN, digest("another key")))
    # Signed by the key, but under a name that is not the log's.
    renamed = sign_checkpoint(replace(CHECKPOINT, origin="b.example/log"), LOG)
    moved = Note(CHECKPOINT.text(), renamed.signatures)
    with pytest.raises(WireFault):
        read_checkpoint(moved.encode(), log_note_key(ORIGIN, LOG.public))


def test_cosignatures_count_by_witness() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    note = note.with_signatures([cosign(note, KEYS[0].name, WITNESSES[0], 1000)])
    note = note.with_signatures([cosign(note, KEYS[1].name, WITNESSES[1], 2000)])
    assert cosignature_times_s(note, KEYS) == {"w.example/0": 1000, "w.example/1": 2000}
    # A second cosignature changes nothing, neither does one key under two names.
    again = note.with_signatures([cosign(note, KEYS[0].name, WITNESSES[0], 3000)])
    assert cosigned_at_s(again, KEYS[0]) == 1000
    alias = NoteKey("w.example/alias", COSIGNATURE, WITNESSES[0].public)
    aliased = note.with_signatures([cosign(note, alias.name, WITNESSES[0], 1000)])
    assert len(cosignature_times_s(aliased, [*KEYS, alias])) == 2
    assert len(cosignature_times_s(note, [KEYS[0], KEYS[0]])) == 1


def test_forged_cosignatures_do_not_count() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    good = cosign(note, KEYS[0].name, WITNESSES[0], 1000)
    sooner = (999).to_bytes(8, "big") + good.data[8:]
    for data in (sooner, good.data[8:], good.data + b"\0", good.data[:-1], b"\xff" * 72):
        forged = note.with_signatures([NoteSignature(good.name, good.key_hash, data)])
        assert cosigned_at_s(forged, KEYS[0]) is None
    other = sign_checkpoint(replace(CHECKPOINT, size=8), LOG).with_signatures([good])
    assert cosigned_at_s(other, KEYS[0]) is None
    # A log's own signature is none of a witness, even with the same key and name.
    as_log = NoteKey(ORIGIN, COSIGNATURE, LOG.public)
    assert cosigned_at_s(note, as_log) is None
    assert cosigned_at_s(note.with_signatures([good]), replace(KEYS[0], algorithm=1)) is None


def test_a_false_cosignature_does_not_spoil_the_true_ones() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    forged = NoteSignature(KEYS[0].name, KEYS[0].key_hash, b"\0" * 72)
    note = note.with_signatures([forged, cosign(note, KEYS[0].name, WITNESSES[0], 5)])
    assert cosigned_at_s(note, KEYS[0]) == 5


def test_times_beyond_the_format_do_not_count() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    last = cosign(note, KEYS[0].name, WITNESSES[0], MAX_TIME_S)
    assert cosigned_at_s(note.with_signatures([last]), KEYS[0]) == MAX_TIME_S
    time_s = MAX_TIME_S + 1
    signed = WITNESSES[0].sign_raw(f"cosignature/v1\ntime {time_s}\n{note.text}".encode())
    late = NoteSignature(KEYS[0].name, KEYS[0].key_hash, time_s.to_bytes(8, "big") + signed)
    assert cosigned_at_s(note.with_signatures([late]), KEYS[0]) is None


@given(st.data())
def test_a_changed_checkpoint_never_says_anything_else(data: st.DataObject) -> None:
    try:
        checkpoint, note = read_checkpoint(mutated(data, PUBLIC.encode()), PUBLIC_LOG)
    except WireFault:
        return
    assert (checkpoint.size, note.text) == (1_432_088_532, Note.decode(PUBLIC.encode()).text)
    assert set(cosignature_times_s(note, PUBLIC_WITNESSES).values()) <= {1_779_573_024}
