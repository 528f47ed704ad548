"""How the networks are learnt: two stages, their batches, and going on where a run was cut off."""
