"""The example simulator, killed at a chosen moment: WHERE, then its own words.

unsaid: once its first promise is on the disk and nobody has been told of it; settling: when it is
first shown a certificate; deaf: never, but it answers nobody who shows one.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "simulator"
sys.path.insert(0, str(EXAMPLE))

import simulator  # noqa: E402
from books import read_asked  # noqa: E402
from legs import Registrar  # noqa: E402

from proto.escrow.batch import OpBatch  # noqa: E402
from proto.escrow.ops import Prepare, Settle  # noqa: E402


def _has(signed: bytes, kind: type) -> bool:
    _, asked = read_asked(signed)
    return isinstance(asked, OpBatch) and any(isinstance(op, kind) for op in asked.ops)


class Dying(Registrar):
    """Dies, or will not hear, as `where` says."""

    where = ""

    def answer(self, signed: bytes) -> bytes:
        if self.where == "deaf" and _has(signed, Settle):
            raise sqlite3.OperationalError("deaf")
        if self.where == "settling" and _has(signed, Settle):
            os.kill(os.getpid(), signal.SIGKILL)
        answer = super().answer(signed)
        if self.where == "unsaid" and _has(signed, Prepare):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def main() -> None:
    Dying.where = sys.argv[1]
    patched: Any = simulator
    patched.Registrar = Dying
    simulator.main(sys.argv[2:])


if __name__ == "__main__":
    main()
