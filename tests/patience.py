"""How long a test waits for what surely comes."""

from typing import Final

PATIENCE_S: Final = 60.0  # a busy machine; nobody waits that long unless something is wrong
