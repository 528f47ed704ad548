"""Networks: one module for each box of the figure."""
