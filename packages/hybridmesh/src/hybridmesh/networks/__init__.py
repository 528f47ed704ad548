"""The boxes of the paper's figure: encoders, branches, the estimator of parameters."""
