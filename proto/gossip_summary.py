"""What a store of adverts holds, as hashes over parts of its keys.

Two stores compare the hash of everything, then of sixteenths, sixteenths of those and so on where
they differ, and so find their differences with some hundred bytes each, whatever their size
(proto.gossip_sync). A part is a prefix: hex digits that the ids of its keys begin with. Its hash
depends on what lies in it alone, not on how it came there or on how far anybody has divided it.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

ID_BYTES: Final = 12  # of keys and of hashes: nobody makes two alike at a price that is worth it
CHECK_BYTES: Final = 8  # of a content: tells two adverts of one sequence apart
VERSION_BYTES: Final = 8 + CHECK_BYTES
FAN: Final = 16  # parts of a part: one hex digit
MAX_PREFIX: Final = 2 * ID_BYTES
NOTHING: Final = bytes(ID_BYTES)  # the hash of an empty part

# Digits down to which hashes are kept: 4,096 buckets, of 25 adverts each in a network of 100,000.
# Smaller parts are hashed as they are asked for, in some microseconds.
KEPT_DIGITS: Final = 3
_BUCKETS: Final = FAN**KEPT_DIGITS
# In place of all that hold nothing, as most do in a small network: thousands of dictionaries take
# milliseconds to make.
_EMPTY: Final[dict[bytes, bytes]] = {}


def key_id(kind: str, subject: bytes) -> bytes:
    """Where an advert's key stands among all keys: anywhere, whoever chose it."""
    return sha256(kind.encode() + b"\0" + subject).digest()[:ID_BYTES]


def version_of(sequence: int, content: bytes) -> bytes:
    """Compares as adverts of one key do: by sequence, and where two are the same by the hash of
    what was signed, so that everybody prefers the same one. `sequence` is below 2^64."""
    return sequence.to_bytes(8, "big") + sha256(content).digest()[:CHECK_BYTES]


def is_prefix(text: str) -> bool:
    """Whether a stranger's text names a part."""
    return len(text) <= MAX_PREFIX and all(digit in "0123456789abcdef" for digit in text)


class Summary:
    """Ids and versions of what is held. A change costs microseconds; hashes wait until asked for.

    About 300 bytes of memory for each advert.
    """

    def __init__(self) -> None:
        self._buckets: list[dict[bytes, bytes]] = [_EMPTY] * _BUCKETS
        self._hashes: dict[str, bytes] = {}  # of prefixes of at most KEPT_DIGITS; absent = unknown
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, item: bytes, version: bytes) -> None:
        """This id is held in this version, instead of any other."""
        number = _bucket_of(item)
        bucket = self._buckets[number]
        if bucket is _EMPTY:
            bucket = self._buckets[number] = {}
        self._count += item not in bucket
        bucket[item] = version
        self._changed(item)

    def remove(self, item: bytes) -> None:
        """This id is not held any more. KeyError where it never was."""
        del self._buckets[_bucket_of(item)][item]
        self._count -= 1
        self._changed(item)

    def version(self, item: bytes) -> bytes | None:
        """Of this id; None where it is not held."""
        return self._buckets[_bucket_of(item)].get(item)

    def items(self, prefix: str) -> dict[bytes, bytes]:
        """id -> version of a whole part."""
        if len(prefix) > KEPT_DIGITS:
            whole = self._buckets[int(prefix[:KEPT_DIGITS], FAN)]
            return {i: version for i, version in whole.items() if i.hex().startswith(prefix)}
        return {i: version for bucket in self._under(prefix) for i, version in bucket.items()}

    def count(self, prefix: str) -> int:
        """How many ids lie in a part."""
        if len(prefix) > KEPT_DIGITS:
            return len(self.items(prefix))
        return sum(map(len, self._under(prefix))) if prefix else self._count

    def digest(self, prefix: str) -> bytes:
        """The hash of a part. NOTHING where it is empty."""
        if len(prefix) > KEPT_DIGITS:
            return digest_of(self.items(prefix))
        known = self._hashes.get(prefix)
        if known is None:
            if not any(self._under(prefix)):
                known = NOTHING
            elif len(prefix) == KEPT_DIGITS:
                known = digest_of(self._buckets[int(prefix, FAN)])
            else:
                known = _digest_of_parts(self.digest(part) for part in parts(prefix))
            self._hashes[prefix] = known
        return known

    def children(self, prefix: str) -> tuple[bytes, ...]:
        """The hashes of the sixteen parts of a part, in order."""
        if len(prefix) < KEPT_DIGITS:
            return tuple(self.digest(part) for part in parts(prefix))
        grouped: dict[str, dict[bytes, bytes]] = {part: {} for part in parts(prefix)}
        for item, version in self.items(prefix).items():
            grouped[item.hex()[: len(prefix) + 1]][item] = version
        return tuple(map(digest_of, grouped.values()))

    def _under(self, prefix: str) -> list[dict[bytes, bytes]]:
        width = FAN ** (KEPT_DIGITS - len(prefix))
        first = int(prefix or "0", FAN) * width
        return self._buckets[first : first + width]

    def _changed(self, item: bytes) -> None:
        digits = item[:2].hex()
        for length in range(KEPT_DIGITS + 1):
            self._hashes.pop(digits[:length], None)


def _bucket_of(item: bytes) -> int:
    return item[0] << 4 | item[1] >> 4


def parts(prefix: str) -> list[str]:
    """The sixteen parts of a part, in order."""
    return [f"{prefix}{digit:x}" for digit in range(FAN)]


def digest_of(items: Mapping[bytes, bytes]) -> bytes:
    """The hash of a part that holds exactly these, where nothing is hashed by parts."""
    if not items:
        return NOTHING
    content = b"".join(item + version for item, version in sorted(items.items()))
    return sha256(b"\0" + content).digest()[:ID_BYTES]


def _digest_of_parts(hashes: Iterable[bytes]) -> bytes:
    content = b"".join(hashes)
    return sha256(b"\1" + content).digest()[:ID_BYTES] if any(content) else NOTHING
