"""Readers of the data sets that the paper and its neighbours use, each in its original layout.

None of them is shipped or downloaded. The names are those of ``hybridmesh convert --from``.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hybridmesh.data.formats.coco import read_coco
from hybridmesh.data.formats.mpii import read_lsp, read_mpii
from hybridmesh.data.formats.reference import read_reference
from hybridmesh.data.formats.threedpw import read_3dpw
from hybridmesh.data.formats.up3d import read_up3d
from hybridmesh.data.people import PeopleSet


def _read_archive(source: Path, _: str) -> PeopleSet:
    return PeopleSet.load(source)


READERS: dict[str, Callable[[Path, str], PeopleSet]] = {
    "coco": read_coco,
    "densepose": read_coco,
    "up3d": read_up3d,
    "3dpw": read_3dpw,
    "lsp": read_lsp,
    "mpii": read_mpii,
    "reference": read_reference,
    "spin": _read_archive,
}
"""By name: from the file or folder, and the split, to people."""


def read_people(name: str, source: Path, split: str = "", *, studio: bool = False) -> PeopleSet:
    """Read a data set in its own layout.

    Args:
        name: In :data:`READERS`.
        source: Its file or folder.
        split: Which part of it.
        studio: Say of everybody that they were taken in a laboratory (the column ``source`` becomes ``studio``).

    Raises:
        InputError: Files are missing or damaged.
    """
    people = READERS[name](source, split)
    if not studio:
        return people
    return replace(people, columns=people.columns | {"source": np.full(len(people), "studio")})
