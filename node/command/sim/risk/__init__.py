"""The risk table as an experiment: who can make an intermediary lose, by how it is attacked."""
