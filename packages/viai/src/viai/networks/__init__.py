"""The boxes of the paper's figure 2, one module each: plain networks without input or output of files."""
