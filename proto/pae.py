"""DSSE pre-authentication encoding: what a signature covers says what kind of thing it is."""

from functools import lru_cache


def pae(kind: str, payload: bytes) -> bytes:
    """Bytes "DSSEv1 " + len(kind) + " " + kind + " " + len(payload) + " " + payload (DSSE v1)."""
    return b"%s%d %s" % (_before(kind), len(payload), payload)


@lru_cache(maxsize=64)
def _before(kind: str) -> bytes:
    name = kind.encode()
    return b"DSSEv1 %d %s " % (len(name), name)
