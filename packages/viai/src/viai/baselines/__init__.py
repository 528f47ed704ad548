"""What viai is compared with: one module per row of the results table."""
