"""Reading and checking of catalogues and outfits."""
