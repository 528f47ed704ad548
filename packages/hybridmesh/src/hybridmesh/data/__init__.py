"""Annotated people: one plain form for all data sets, their readers, people that are rendered, and batches of crops."""
