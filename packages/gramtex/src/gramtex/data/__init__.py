"""Pictures that come in: exemplars from files, and procedural cloth."""
