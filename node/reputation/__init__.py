"""What a node makes of an agent's past sales: whom it believes, and how much of it (escrow 8)."""
