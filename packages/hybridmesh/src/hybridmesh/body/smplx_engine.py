"""The second engine: the package ``smplx`` for the user's own SMPL, SMPL-H and SMPL-X files.

Its code and the files carry the non-commercial licence of the Max Planck Society; it is not installed unless asked for
(``pip install hybridmesh[smplx]``), and nothing else here needs it. By itself it would unpickle whatever it is given:
it gets arrays that the restricted reader has read.
"""

import contextlib
import io
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hr_common.errors import InputError
from hybridmesh.body.arrays import MissingAssetError, read_archive
from hybridmesh.body.model import BodyOutput
from hybridmesh.body.unpickling import read_arrays
from hybridmesh.joints import SMPL24

_KINDS = {24: "SMPL", 52: "SMPLH", 55: "SMPLX"}


class SmplxBody(nn.Module):
    """A body that smplx poses. SMPL-H and SMPL-X take 22 joints from the pose; hands rest."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            import smplx  # type: ignore[import-untyped]
            from smplx.utils import Struct  # type: ignore[import-untyped]
        except ImportError:
            raise MissingAssetError(
                "the engine smplx is not installed (non-commercial licence); run: pip install 'hybridmesh[smplx]', or "
                "use --body free"
            ) from None
        content = read_archive(path) if path.suffix == ".npz" else read_arrays(path)
        if "J_regressor" not in content:
            raise InputError(f"{path} holds no 'J_regressor'; is it a SMPL, SMPL-H or SMPL-X file?")
        joints = len(content["J_regressor"])
        if joints not in _KINDS:
            raise InputError(f"{path} has {joints} joints; known are 24 (SMPL), 52 (SMPL-H) and 55 (SMPL-X)")
        self.kind, self.name = _KINDS[joints], path.stem
        options = {} if self.kind == "SMPL" else {"use_pca": False}
        # It prints advice where results belong.
        with contextlib.redirect_stdout(io.StringIO()):
            self.model = getattr(smplx, self.kind)(
                model_path=str(path), data_struct=Struct(**content), num_betas=10, **options
            )
        self.num_betas, self.faces = 10, self.model.faces.astype(int)
        self.num_vertices = len(self.model.v_template)

    def forward(
        self,
        betas: Float[Tensor, "batch beta"],
        pose: Float[Tensor, "batch 24 3"],
        transl: Float[Tensor, "batch 3"] | None = None,
    ) -> BodyOutput:
        """Pose the body. Transforms are not given out by smplx and are left at the identity."""
        batch = len(betas)
        # Every parameter is given: those that smplx makes itself have a batch of one.
        settings: dict[str, Tensor] = {"transl": betas.new_zeros(batch, 3) if transl is None else transl}
        if self.kind == "SMPL":
            settings["body_pose"] = pose[:, 1:].flatten(1)
        else:
            settings["body_pose"] = pose[:, 1:22].flatten(1)
            settings |= {f"{side}_hand_pose": betas.new_zeros(batch, 45) for side in ("left", "right")}
        if self.kind == "SMPLX":
            settings |= {f"{part}_pose": betas.new_zeros(batch, 3) for part in ("jaw", "leye", "reye")}
            settings["expression"] = betas.new_zeros(batch, 10)
        result = self.model(betas=betas, global_orient=pose[:, 0], **settings)
        identity = torch.eye(4, dtype=betas.dtype, device=betas.device).expand(batch, len(SMPL24), 4, 4)
        return BodyOutput(result.vertices, result.joints[:, : len(SMPL24)], identity)
