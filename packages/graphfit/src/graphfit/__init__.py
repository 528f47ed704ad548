"""Score outfits, complete them, and compose new ones of any length in a wanted colour style.

A rebuild of "Learning Diverse Fashion Collocation by Neural Graph Filtering" (Liu, Sun, Liu and Lin, IEEE Transactions
on Multimedia, 2020): garments are the nodes of a complete graph, its edges carry vectors, and what the edges say is
gathered into one score and one distribution over colour styles. :class:`OutfitScorer` scores sets of pictures,
:class:`Collocator` composes outfits from a catalogue that :func:`read_catalogue` has read.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphfit.collocation import Collocator
    from graphfit.data.catalogue import read_catalogue
    from graphfit.scoring import OutfitScorer

__all__ = ["Collocator", "OutfitScorer", "read_catalogue"]

_HOMES = {
    "Collocator": "graphfit.collocation",
    "OutfitScorer": "graphfit.scoring",
    "read_catalogue": "graphfit.data.catalogue",
}


def __getattr__(name: str) -> Any:
    # Names are looked up on first use: torch takes seconds to import, `graphfit --help` must not.
    if name not in _HOMES:
        raise AttributeError(f"module 'graphfit' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
