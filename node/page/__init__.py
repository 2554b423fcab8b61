"""The page of a node for the people whose accounts it keeps (escrow section 10)."""
