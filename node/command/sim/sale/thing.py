"""What is sold: something with a password and a public page, which no registrar controls."""

from dataclasses import dataclass, field


@dataclass
class Thing:
    """A name, an account, a character of a game. Whoever knows `password` controls it; its first
    owner can always take it `back`. `had`: who has controlled it; `judged`: by sale, whether what
    the agent sealed at its hand-over opened it."""

    name: str
    password: bytes
    page: list[str] = field(default_factory=list)
    controller: str = ""
    changes: int = 0
    had: list[str] = field(default_factory=list)
    judged: dict[bytes, bool] = field(default_factory=dict)

    def opens(self, password: bytes) -> bool:
        """Whether one gets in."""
        return password == self.password

    def change(self, who: str, password: bytes) -> bytes:
        """`who` gets in and makes another password, which is returned; empty where he does not."""
        if not self.opens(password):
            return b""
        return self._take(who)

    def back(self, who: str) -> bytes:
        """Its first owner recovers it."""
        return self._take(who)

    def _take(self, who: str) -> bytes:
        self.changes += 1
        self.controller = who
        self.had.append(who)
        self.password = f"{self.name} {who} {self.changes}".encode()
        return self.password

    def post(self, password: bytes, line: str) -> None:
        """A line on its public page, of whoever gets in."""
        if self.opens(password):
            self.page.append(line)
