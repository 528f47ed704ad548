"""The networks, one module for each box."""
