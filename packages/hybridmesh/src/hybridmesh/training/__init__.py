"""Training: which annotations count, batches, the objective, the loop, and going on where a run was cut off."""
