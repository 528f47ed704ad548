"""Visual encoder E_v: frames and optical flow to a code on the time grid of the audio code."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hr_common.weights import load_into
from viai.config import NetworkConfig
from viai.networks.backbone import build_backbone

ONSET_BANDS = 8
"""Groups of mel bands in which the picture tells onsets."""
MEL_FRAMES_A_PICTURE = 4


class VideoEncoder(nn.Module):
    """E_I on every frame, E_F on every flow field, and Efuse over time.

    Two stride-two convolutions bring 50 frames to 13 vectors, one for every sixteen mel frames: the
    shape and the grid of the audio code. The norm and ReLU between them can be turned off
    (``fusion_nonlinear``): the published code computed them and threw them away.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        features = config.frame_features
        self.frame_network = build_backbone(config.backbone, 3, config.backbone_width, features, config.backbone_grid)
        self.flow_network = build_backbone(config.backbone, 2, config.backbone_width, features, config.backbone_grid)
        between = [nn.BatchNorm1d(2 * features), nn.ReLU(inplace=True)] if config.fusion_nonlinear else []
        self.fusion = nn.Sequential(
            nn.Conv1d(2 * features, 2 * features, 3, stride=2, padding=1, bias=not between),
            *between,
            nn.Conv1d(2 * features, config.audio_channels[-1], 3, stride=2, padding=1),
        )
        self.detail_network: nn.Module | None = None
        if config.picture_detail:
            width = config.picture_detail
            self.detail_network = nn.Sequential(
                nn.Conv1d(2 * features, width, 5, padding=2, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(inplace=True),
                nn.Conv1d(width, width, 5, padding=2, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(inplace=True),
            )
            self.onset_head = nn.Conv1d(width, ONSET_BANDS * MEL_FRAMES_A_PICTURE, 3, padding=1)

    def describe(
        self, frames: Float[Tensor, "batch time 3 h w"], flow: Float[Tensor, "batch time 2 h w"]
    ) -> Float[Tensor, "batch feature time"]:
        """Describe every frame by the features of its picture and of its flow, before the fusion."""
        sight = self.frame_network(frames.flatten(0, 1))
        motion = self.flow_network(flow.flatten(0, 1))
        described: Tensor = torch.cat([sight, motion], dim=1).reshape(*frames.shape[:2], -1).transpose(1, 2)
        return described

    def fuse(self, described: Float[Tensor, "batch feature time"]) -> Float[Tensor, "batch channel 1 code"]:
        """Bring described frames to the time grid of the audio code."""
        code: Tensor = self.fusion(described)
        return code.unsqueeze(2)

    def detail(self, described: Float[Tensor, "batch feature time"]) -> Float[Tensor, "batch detail time"] | None:
        """Make of described frames what the decoder is told frame by frame; None for the paper's network."""
        return None if self.detail_network is None else self.detail_network(described)

    def onsets(self, detail: Float[Tensor, "batch detail time"]) -> Float[Tensor, "batch band frame"]:
        """Tell from the details alone where levels rise: estimates of :func:`viai.losses.rises`."""
        told: Tensor = self.onset_head(detail)
        batch, _, time = told.shape
        return told.reshape(batch, ONSET_BANDS, MEL_FRAMES_A_PICTURE, time).transpose(2, 3).flatten(2)

    def forward(
        self, frames: Float[Tensor, "batch time 3 h w"], flow: Float[Tensor, "batch time 2 h w"]
    ) -> Float[Tensor, "batch channel 1 code"]:
        """Encode pictures and flow, both normalised to about [-1, 1]."""
        return self.fuse(self.describe(frames, flow))

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Start both networks from a ResNet-18 trained on ImageNet.

        The first kernel of the flow network becomes the mean over the colours, once for each direction.

        Args:
            weights: State dictionary under torchvision's names; its classifier is left out.

        Raises:
            InputError: Names the weights that are missing, unexpected or of another shape.
        """
        kept = {name: value for name, value in weights.items() if not name.startswith("fc.")}
        for network in (self.frame_network, self.flow_network):
            # Old files do not count the batches of their norms.
            own = {
                name: value
                for name, value in network.state_dict().items()
                if name.startswith("fc.") or name.endswith(".num_batches_tracked")
            }
            load_into(network, {**own, **kept})
            kept["conv1.weight"] = kept["conv1.weight"].mean(dim=1, keepdim=True).repeat(1, 2, 1, 1)
