"""Bodies: the free ones that ship with the package, and SMPL from the user's own files, behind one interface."""

from hybridmesh.body.arrays import BodyArrays, Charts, MissingAssetError, NoChartsError, WrongBodyError
from hybridmesh.body.model import BodyModel, BodyOutput
from hybridmesh.body.registry import load_arrays, load_body, require_engine

__all__ = [
    "BodyArrays", "BodyModel", "BodyOutput", "Charts", "MissingAssetError", "NoChartsError", "WrongBodyError",
    "load_arrays", "load_body", "require_engine",
]  # fmt: skip
