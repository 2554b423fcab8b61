"""Exchanges under faults: the cases of escrow section 6, liars among the parties, and an oracle."""
