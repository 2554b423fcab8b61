"""Sales that an agent judges: what their pure core needs of the world (escrow section 8)."""
