"""Competitors: one module for each row of the table, behind one interface."""
