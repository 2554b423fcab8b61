"""What the transport keeps for one neighbour: at most one link, and who may open the next.

Everything here runs on asyncio.
"""

import asyncio
import random

from proto.keys import NodeId
from runtime.hello import HELLO_TIMEOUT_S, HelloFault, Party
from runtime.link import Link
from runtime.tls import spki_sha256
from runtime.transport import LinkCause, PeerEndpoint

BACKOFF_MIN_S = 0.05  # a neighbour that restarts is back within a second
BACKOFF_MAX_S = 5.0  # a neighbour that is away costs us a handshake every few seconds
STABLE_S = 1.0  # a link that lived this long was a success; quicker ends keep backing off
# Of one neighbour at once, its link included: one is used, another may replace it, and a few more
# may be about to end. Beyond it a neighbour that opens thousands would shut the others out.
MAX_STREAMS = 8
FALLBACK_DIAL_S = 10.0  # the other was to dial; perhaps it does not know our address


class PeerSlot:
    """One neighbour. `endpoint` is None once it is no longer ours."""

    def __init__(self, node: NodeId, endpoint: PeerEndpoint) -> None:
        self.endpoint: PeerEndpoint | None = endpoint
        self.party = Party(node, spki_sha256(endpoint.certificate_der))
        self.dialler: asyncio.Task[None] | None = None
        self.link: Link | None = None
        self.streams = 0  # that the peer has opened and that have not ended
        self._claims = 0
        self._shaking: bool | None = None  # hands, on a stream that we dialled (True) or took
        self._crossing_until_s = 0.0  # on the loop's clock; see `_crosses`
        self._settled = asyncio.Event()  # no LinkDown on its way to the node
        self._settled.set()
        self._free = asyncio.Event()  # no link
        self._free.set()

    async def claim(self, own: NodeId, dialled: bool) -> int | HelloFault:
        """Ends the link there is, and reserves the place for a new stream that is verified.

        A stream that the peer dials overrules what there is: it has lost that, or restarted.
        One that we dial yields to anything; and of two neighbours that dial each other at once
        both keep the stream of the smaller id. Returns the claim's number.
        """
        if dialled:
            if self.link is not None or self._shaking is not None:
                return HelloFault.SUPERSEDED
        elif own < self.party.node and (self._shaking is True or self._crosses()):
            return HelloFault.SUPERSEDED
        self._claims += 1
        claim = self._claims
        self._shaking = dialled
        if self.link is not None:
            self.link.stop(LinkCause.REPLACED)
        # Until the node has taken the LinkDown: a peer that reconnects all the time must not
        # fill our memory with events.
        await self._settled.wait()
        return claim if self.holds(claim) else HelloFault.SUPERSEDED

    def _crosses(self) -> bool:
        """Whether a stream from the peer may be one that it dialled before it heard of ours.

        It has given that one up by now, for ours. One that crossed ours says Hello within the
        time for it; whoever really comes back that soon has lost our link, and so have we.
        """
        crossing = asyncio.get_running_loop().time() < self._crossing_until_s
        return self.link is not None and crossing

    def holds(self, claim: int) -> bool:
        """Whether no later claim came, and the peer is still ours."""
        return claim == self._claims and self.endpoint is not None

    def end_claim(self, claim: int) -> None:
        """The stream of this claim became a link or failed."""
        if claim == self._claims:
            self._shaking = None

    def up(self, link: Link, *, dialled: bool = False) -> None:
        """From now on `link` is the one; `dialled` by us."""
        assert self.link is None, "two links of one peer"
        until_s = asyncio.get_running_loop().time() + HELLO_TIMEOUT_S
        self._crossing_until_s = until_s if dialled else 0.0
        self.link = link
        self._free.clear()
        self._settled.clear()

    def down(self) -> None:
        """The link has ended; the node is about to be told."""
        self.link = None
        self._free.set()

    def told(self) -> None:
        """The node has taken the LinkDown."""
        self._settled.set()

    def idle(self) -> bool:
        """Whether nothing keeps a slot alive whose peer was removed."""
        return self.link is None and self._settled.is_set()

    async def wait_free(self) -> None:
        """Until there is no link."""
        await self._free.wait()

    def renew(self, endpoint: PeerEndpoint) -> None:
        """The peer is ours, (again) under this endpoint; a link of the same key stays."""
        self.endpoint = endpoint
        self.party = Party(self.party.node, spki_sha256(endpoint.certificate_der))

    def end_dialler(self) -> None:
        """Nothing more is dialled by the task there is; a link that it runs stays."""
        if self.dialler is not None:
            if self.link is None:
                self.dialler.cancel()
            self.dialler = None

    def retire(self) -> None:
        """The peer is no longer ours: its link ends, nothing is dialled, no claim holds."""
        self.endpoint = None
        self.end_dialler()
        if self.link is not None:
            self.link.stop(LinkCause.PEER_REMOVED)


class Backoff:
    """Exponential with jitter: neighbours that lost one link do not return in step."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng
        self._ceiling_s = BACKOFF_MIN_S

    def next_wait_s(self) -> float:
        """Between half and the whole of a bound that doubles up to BACKOFF_MAX_S."""
        wait_s = self._ceiling_s * self._random.uniform(0.5, 1.0)
        self._ceiling_s = min(2 * self._ceiling_s, BACKOFF_MAX_S)
        return wait_s

    def reset(self) -> None:
        """The last attempt was a success."""
        self._ceiling_s = BACKOFF_MIN_S


def dial_delay_s(
    own: NodeId, own_address: str | None, peer: NodeId, peer_address: str | None
) -> float | None:
    """How long to wait for the peer's call before we dial; None: we cannot.

    Where both can be dialled the smaller id dials. The other does so only after a while: it
    cannot know whether the smaller one has its address.
    """
    if peer_address is None:
        return None
    if own_address is None or own < peer:
        return 0.0
    return FALLBACK_DIAL_S
