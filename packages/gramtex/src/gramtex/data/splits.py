"""Which pictures are for training and which are held out: always whole groups."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gramtex.data.exemplars import Exemplar, list_exemplars
from hr_common.errors import InputError

_VAL, _TEST = 80, 90  # of a hundred; what lies below the first is for training


def read_collection(folder: str | Path, *, sources: Sequence[str] = ()) -> list[Exemplar]:
    """List the pictures of a data folder, each with a split.

    Where the manifest has no splits they follow from a hash of the group, about 80, 10 and 10 of a hundred: the same
    group falls into the same split in every data folder.

    Args:
        folder: Pictures, with or without a manifest.
        sources: Keep only pictures whose path below the folder begins with one of these.

    Raises:
        InputError: There are no pictures, or none below the given sources.
    """
    found = list_exemplars(folder)
    prefixes = tuple(source.strip("/") + "/" for source in sources)
    kept = [each for each in found if not prefixes or each.name.startswith(prefixes)]
    if not kept:
        raise InputError(f"{folder} has no pictures below {', '.join(sources)}; they begin with {found[0].name}")
    return [each if each.split else replace(each, split=split_of(each.group)) for each in kept]


def split_of(group: str) -> str:
    """Split of a group by the hash of its name."""
    place = int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big") % 100
    return "train" if place < _VAL else "val" if place < _TEST else "test"
