"""DSSE pre-authentication encoding: what a signature covers says what kind of thing it is."""


def pae(kind: str, payload: bytes) -> bytes:
    """Bytes "DSSEv1 " + len(kind) + " " + kind + " " + len(payload) + " " + payload (DSSE v1)."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
