"""The exchange's part of the core: seats of ours, and deals that we coordinate."""
