"""What the model is compared with: one module for each row of the table."""
