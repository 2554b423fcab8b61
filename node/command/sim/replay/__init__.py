"""Payments over a real credit network: what mixed levels buy against one level for everybody."""
