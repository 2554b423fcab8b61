"""The signatures of a batch as the bytes that travel (protocol section 2).

The same as `envelope.sign_batch`, for whoever signs hundreds of payloads at a time and passes them
on: what is alike in all of them, and each node of the tree, is written once.
"""

from collections.abc import Sequence
from typing import Final

from proto.envelope import BATCH_KIND, batch_payload, sign
from proto.keys import SigningKey
from proto.merkle import leaf_hash, tree_levels
from proto.pae import pae
from proto.wire_bytes import sized, varint

_KEY: Final = b"\x0a"  # Signature.key and so on: types.proto
_SIGNATURE: Final = b"\x12"
_INDEX: Final = b"\x18"
_SIZE: Final = b"\x20"
_PATH: Final = b"\x2a"


def sign_batch_bytes(key: SigningKey, kind: str, payloads: Sequence[bytes]) -> list[bytes]:
    """One signature over many payloads of one kind: the Signature message of each, serialised."""
    if len(payloads) < 2:
        return [sign(key, kind, p).to_message().SerializeToString() for p in payloads]
    levels = tree_levels([leaf_hash(pae(kind, payload)) for payload in payloads])
    size = len(payloads)
    signature = key.sign(BATCH_KIND, batch_payload(levels[-1][0], size))
    before = sized(_KEY, key.public) + sized(_SIGNATURE, signature)
    after = _SIZE + varint(size)
    first, *others = _paths(levels)
    rest = [before + _INDEX + varint(i) + after + path for i, path in enumerate(others, start=1)]
    return [before + after + first, *rest]  # an index of zero is left out


def _paths(levels: Sequence[Sequence[bytes]]) -> list[bytes]:
    """The path fields of each leaf: its sibling, and then the path of the node above."""
    above = [b""]
    for level in reversed(levels[:-1]):
        fields = [sized(_PATH, node) for node in level]
        pairs = len(level) // 2
        paths = [b""] * len(level)
        for i in range(pairs):
            left, right, path = 2 * i, 2 * i + 1, above[i]
            paths[left], paths[right] = fields[right] + path, fields[left] + path
        if len(level) % 2:
            paths[-1] = above[-1]  # carried up without a sibling
        above = paths
    return above
