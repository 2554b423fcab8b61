"""Watches the keys of hand-overs: who has shown which K to whom, and what was decided about it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from node.command.sim.escrow.titles import Wrong
from node.command.sim.oracle.decisions import Decisions
from node.core.sale.rows import Sale
from proto.descriptor import commit_id, decode_descriptor
from proto.sale.stakes import SaleRole
from proto.statement import Outcome


@dataclass(slots=True)
class Secret:
    """One K, as an agent drew it. `public`: in which words to others it stood."""

    key: bytes
    lock: bytes
    agent: str
    shown: bool = False  # to the registry
    public: list[str] = field(default_factory=list)


@dataclass
class Secrecy:
    """Every K of a run, by itself."""

    decisions: Decisions
    secrets: dict[bytes, Secret] = field(default_factory=dict)

    def committed(self, name: str, row: Sale) -> None:
        """A row of an agent has become durable."""
        if row.role is SaleRole.AGENT and row.secret and row.lock:
            self.secrets.setdefault(row.secret, Secret(row.secret, row.lock, name))

    def shown(self, request: bytes) -> None:
        """These bytes have reached a registry."""
        for secret in self.secrets.values():
            if secret.key in request:
                secret.shown = True

    def said(self, where: str, words: bytes) -> None:
        """These bytes have been said to somebody."""
        for secret in self.secrets.values():
            if secret.key in words:
                secret.public.append(where)

    def locked(self, secret: Secret) -> bool:
        """Whether the registry has committed its T1."""
        policy = decode_descriptor(secret.lock).policy
        return self.decisions.can_be(Outcome.COMMITTED, commit_id(secret.lock), policy)

    def judge(self, honest: frozenset[str], steady: bool) -> Iterator[tuple[str, Wrong]]:
        """At the end: whose K is known although nobody's money is locked. `steady`: no process,
        clock or registry failed, so that even the registry alone has no reason to know it."""
        for secret in self.secrets.values():
            if self.locked(secret):
                continue
            if secret.public and secret.agent in honest:
                yield (
                    secret.agent,
                    ("KEY", f"K is public ({secret.public[0]}), T1 is not committed"),
                )
            elif secret.shown and steady and secret.agent in honest:
                yield secret.agent, ("KEY", "the registry was shown a K that it did not take")
