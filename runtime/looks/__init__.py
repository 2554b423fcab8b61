"""How every page of ours looks and is protected: one style, one way to write, strict headers."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
FILES: Final = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
"""What every page is made of, and the media type of each."""
MAX_PROXIES: Final = 4  # before a page: a network of caches, a load balancer, one on the machine
