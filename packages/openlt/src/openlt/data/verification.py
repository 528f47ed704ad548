"""Is a data set whole: the same checks as before training, told in full."""

from __future__ import annotations

from pathlib import Path

from openlt.data import cifar, digits, folders, inaturalist, listed
from openlt.data.inspection import Inspection
from openlt.data.registry import dataset_info
from openlt.data.splits import LongTailData, Verify


def verify_data(
    name: str, *, root: Path | None, lists: Path | None = None, level: Verify = "sample", need_open: bool = False
) -> Inspection:
    """Check lists, counts, labels, layout and pictures of a data set.

    Args:
        name: See :func:`openlt.data.splits.load_data`.
        root: See there.
        lists: See there.
        level: Pictures that are opened.
        need_open: Whether a missing open set is an error.

    Returns:
        What was found to be right, and what is unusual.

    Raises:
        InputError: Something is missing or wrong; the message is that of :func:`openlt.data.splits.load_data`.
    """
    info = dataset_info(name)
    inspection = Inspection(info, root, lists)
    data: LongTailData | None = None
    if info.form == "listed":
        listed.inspect(inspection, level, need_open)
    elif info.form == "folder":
        folders.inspect(inspection, level, need_open)
    elif info.form == "inaturalist":
        inaturalist.inspect(inspection, level, need_open)
    elif info.form == "cifar":
        data = cifar.load(info, root=root, need_open=need_open)
    else:
        data = digits.load()
    inspection.finish()
    if data is not None:
        inspection.passed += [f"{split}: {len(each):,} pictures" for split, each in data.splits.items()]
    return inspection
