"""Network files: read, checked with the place of each fault, and made of published data."""
