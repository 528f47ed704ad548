"""Training: batches, the loop, and going on where a run was cut off."""
