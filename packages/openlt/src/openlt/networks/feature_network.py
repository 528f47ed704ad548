"""From a picture to its direct feature: backbone, attention, pooling and a last layer."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from hr_common.errors import InputError
from openlt.config import NetworkConfig
from openlt.networks.efficientnet_lite import EfficientNetLite0
from openlt.networks.modulated_attention import AttendedMap, ModulatedAttention
from openlt.networks.resnet import DEPTHS, ResNet

Backbone = ResNet | EfficientNetLite0


def build_backbone(config: NetworkConfig) -> Backbone:
    """Make the untrained backbone that a configuration names.

    Raises:
        InputError: If there is no such backbone.
    """
    makers: dict[str, Callable[[], Backbone]] = {
        f"resnet{depth}": lambda depth=depth: ResNet(depth, width=config.width, stem=config.stem)  # type: ignore[misc]
        for depth in DEPTHS
    }
    makers["efficientnet-lite0"] = EfficientNetLite0
    if config.backbone not in makers:
        raise InputError(f"unknown backbone '{config.backbone}'; choose one of {', '.join(makers)}")
    return makers[config.backbone]()


@dataclass(frozen=True)
class FeatureOutput:
    """Direct features, and the maps that the attention left behind."""

    features: Float[Tensor, "batch feature"]
    """The paper's direct feature v."""
    attended: AttendedMap | None
    """What the attention did; none without attention."""


class FeatureNetwork(nn.Module):
    """The paper's feature extractor.

    Args:
        config: Backbone and width of the feature.
        size: Height and width of the pictures, which settles the size of the attention.
        attention: Put modulated attention behind the last stage.
        projection: Put a linear layer behind the pooling; without it the feature is the pooled map.
        relu: End that layer with a ReLU. Few-shot learning without forgetting needs features of either sign.
        mirror: Average the features of each picture and its mirror image, except in training.
    """

    def __init__(
        self,
        config: NetworkConfig,
        size: int,
        *,
        attention: bool,
        projection: bool,
        relu: bool = True,
        mirror: bool = False,
    ) -> None:
        super().__init__()
        self.mirror = mirror
        self.backbone = build_backbone(config)
        channels, cells = self.backbone.channels, self.backbone.map_size(size)
        self.attention = ModulatedAttention(channels, cells) if attention else None
        self.projection = nn.Linear(channels, config.features) if projection else None
        self.relu = nn.ReLU() if projection and relu else nn.Identity()
        self.width = config.features if projection else channels

    def forward(self, pictures: Float[Tensor, "batch 3 height width"]) -> FeatureOutput:
        """Compute the direct features of normalised pictures."""
        output = self._extract(pictures)
        if not self.mirror or self.training:
            return output
        mirrored = self._extract(pictures.flip(3))
        return FeatureOutput((output.features + mirrored.features) / 2, output.attended)

    def _extract(self, pictures: Float[Tensor, "batch 3 height width"]) -> FeatureOutput:
        x = self.backbone(pictures)
        attended = None
        if self.attention is not None:
            attended = self.attention(x)
            x = attended.features
        x = x.mean(dim=(2, 3))
        if self.projection is not None:
            x = self.relu(self.projection(x))
        return FeatureOutput(x, attended)
