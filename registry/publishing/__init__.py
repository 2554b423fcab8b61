"""Publishing the log (registry sections 5.3 T3 and 8): tiles, checkpoints, cosignatures, proofs."""
