"""Answers of several chains: splits, chains beside the cheapest one, the most one can send."""
