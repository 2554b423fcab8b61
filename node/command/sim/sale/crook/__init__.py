"""How the dishonest part of a sale behaves."""
