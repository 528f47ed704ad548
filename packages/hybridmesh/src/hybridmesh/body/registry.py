"""Find a body by name: the two that ship, SMPL files of the user, or any file of either form."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hr_common.errors import InputError
from hr_common.files import data_root
from hybridmesh.body.arrays import BodyArrays, MissingAssetError, body_from_archive, read_archive
from hybridmesh.body.model import BodyModel
from hybridmesh.body.smpl_files import LICENSE_PAGE, read_smpl

if TYPE_CHECKING:
    from hybridmesh.body.smplx_engine import SmplxBody

SHIPPED = {"free": "free.npz", "free-lo": "free-lo.npz"}
DIGESTS = {
    "free": "cdd72e165e22c9cd259d73ce5b0ca80e597608e2f4accefafe7b09e1cb6ff721",
    "free-lo": "44101df9bc6714baabaef052a719c470d14225adb806a2abb56705ea45801cae",
}
"""Of the arrays of the bodies that ship; ``hybridmesh assets verify`` compares."""
Gender = Literal["neutral", "male", "female"]
_FOLDER = Path(__file__).parent


def load_body(name: str | Path = "free", *, gender: Gender = "neutral") -> "BodyModel | SmplxBody":
    """Load a body.

    Args:
        name: ``free`` (13,380 vertices) or ``free-lo`` (3,296), which ship with the package; ``smpl``, looked for
            under its usual names; ``smplx:FILE`` for the second engine; or a path, of a SMPL pickle or archive or of an
            archive of this package.
        gender: Which SMPL file is looked for.

    Raises:
        MissingAssetError: There is no such file; the message says where it was looked for, where it comes from, and
            what is free instead.
        InputError: The file is damaged or no body.
    """
    text = str(name)
    if text.startswith("smplx:"):
        from hybridmesh.body.smplx_engine import SmplxBody

        return SmplxBody(Path(text.removeprefix("smplx:")))
    if text == "free":
        lo = read_archive(_FOLDER / SHIPPED["free-lo"])["finer_ids"].astype(int)
        return BodyModel(load_arrays(text), levels={"free-lo": lo})
    return BodyModel(load_arrays(text, gender=gender))


def load_arrays(name: str | Path = "free", *, gender: Gender = "neutral") -> BodyArrays:
    """Load the arrays of a body, for what needs no skinning; the arguments are those of :func:`load_body`."""
    text = str(name)
    if text in SHIPPED:
        path = _FOLDER / SHIPPED[text]
        return body_from_archive(read_archive(path), path)
    path = find_smpl(gender) if text == "smpl" else Path(text)
    if not path.is_file():
        raise MissingAssetError(
            f"there is no body {text!r}: it is neither a file nor one of {', '.join(SHIPPED)}, smpl; free needs no file"
        )
    if path.suffix == ".npz" and "format" in (arrays := read_archive(path)):
        return body_from_archive(arrays, path)
    return read_smpl(path, name="smpl" if text == "smpl" else path.stem)


def find_smpl(gender: Gender = "neutral") -> Path:
    """Look for a SMPL file under the names people have.

    Raises:
        MissingAssetError: None is there.
    """
    letter = {"neutral": "neutral", "male": "m", "female": "f"}[gender]
    names = [
        f"SMPL_{gender.upper()}.npz", f"SMPL_{gender.upper()}.pkl",
        f"basicModel_{letter}_lbs_10_207_0_v1.0.0.pkl", f"basicmodel_{letter}_lbs_10_207_0_v1.1.0.pkl",
        f"basicmodel_{letter}_lbs_10_207_0_v1.0.0.pkl",
    ]  # fmt: skip
    folders = [Path("smpl"), data_root("hybridmesh", "smpl")]
    if given := os.environ.get("HYBRIDMESH_SMPL_DIR"):
        folders.insert(0, Path(given))
    for folder in folders:
        for path in (folder / each for each in names):
            if path.is_file():
                return path
    raise MissingAssetError(
        f"no {gender} SMPL file was found in {', '.join(map(str, folders))} (names: {', '.join(names[:3])}, …). "
        f"It comes from {LICENSE_PAGE} after registration, for non-commercial use; put it there, name its folder in "
        "HYBRIDMESH_SMPL_DIR, or use --body free, which ships with this package"
    )


def require_engine(body: "BodyModel | SmplxBody") -> BodyModel:
    """Check that a body is of our own engine, which alone skins single vertices and knows charts.

    Raises:
        InputError: It is of the second engine.
    """
    if not isinstance(body, BodyModel):
        raise InputError("bodies of smplx are posed and exported only; use --body free or --body smpl for this")
    return body
