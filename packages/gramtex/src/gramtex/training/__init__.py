"""From a cache of Gram sets to a model."""
