"""The whole network of a stage: from a picture to scores of the known classes."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from hr_common.errors import InputError
from openlt.baselines.fslwf import LearntCosineClassifier
from openlt.config import NetworkConfig, OpenltConfig, StageConfig, stages_of
from openlt.networks.classifiers import (
    NearestMeanClassifier,
    NormalisedClassifier,
    ScaledClassifier,
    WhitenedMemoryClassifier,
)
from openlt.networks.feature_network import FeatureNetwork
from openlt.networks.meta_embedding import Embedded, MetaEmbeddingClassifier
from openlt.networks.modulated_attention import AttendedMap


@dataclass(frozen=True)
class Output:
    """What the network made of a batch."""

    features: Float[Tensor, "batch feature"]
    """Direct features."""
    logits: Float[Tensor, "batch class"]
    """Scores of the known classes."""
    embedded: Embedded | None
    """What the meta-embedding did; none under another classifier."""
    attended: AttendedMap | None
    """What the attention did; none without it."""


class OpenNetwork(nn.Module):
    """Feature network and classifier. The centroids are handed in, since another optimiser owns them."""

    def __init__(self, features: FeatureNetwork, classifier: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.classifier = classifier

    @property
    def needs_centroids(self) -> bool:
        """Whether it classifies with the memory."""
        return isinstance(self.classifier, MetaEmbeddingClassifier)

    def forward(
        self, pictures: Float[Tensor, "batch 3 height width"], centroids: Float[Tensor, "class feature"] | None = None
    ) -> Output:
        """Compute features and scores of normalised pictures.

        Raises:
            InputError: If the classifier has a memory and there are no centroids.
        """
        extracted = self.features(pictures)
        embedded = None
        if isinstance(self.classifier, MetaEmbeddingClassifier):
            if centroids is None:
                raise InputError("this network classifies with a memory; give the centroids that were learnt with it")
            embedded = self.classifier(extracted.features, centroids)
            logits = embedded.logits
        else:
            logits = self.classifier(extracted.features)
        return Output(extracted.features, logits.float(), embedded, extracted.attended)


def build_classifier(kind: str, config: NetworkConfig, features: int, classes: int) -> nn.Module:
    """Make an untrained classifier.

    Args:
        kind: ``linear``, ``meta``, ``margin``, ``scale``, ``cosine`` (what a ``generator`` ends as),
            ``nearest-mean`` or ``whitened-memory``.
        config: Switches of the meta-embedding, and the factor of cosines.
        features: Width of the feature.
        classes: Number of known classes.

    Raises:
        InputError: If there is no such classifier.
    """
    if kind == "meta":
        return MetaEmbeddingClassifier(
            features,
            classes,
            memory=config.memory,
            selector=config.selector,
            reachability=config.reachability,
            cosine=config.cosine,
            squared_squash=config.squash == "squared",
            scale=config.scale,
            reach=config.reach,
            nearest_only=config.nearest_only,
        )
    if kind == "whitened-memory":
        return WhitenedMemoryClassifier(features, classes, scale=config.scale)
    makers: dict[str, type[nn.Module]] = {
        "linear": nn.Linear,
        "margin": NormalisedClassifier,
        "scale": ScaledClassifier,
        "cosine": LearntCosineClassifier,
        "generator": LearntCosineClassifier,
        "nearest-mean": NearestMeanClassifier,
    }
    if kind not in makers:
        raise InputError(f"unknown classifier '{kind}'; choose one of meta, {', '.join(makers)}, whitened-memory")
    return makers[kind](features, classes)


def build_network(config: OpenltConfig, number: int, classes: int, *, classifier: str | None = None) -> OpenNetwork:
    """Make the untrained network of stage ``number`` (1 or 2), with its own classifier or another one."""
    stage: StageConfig = stages_of(config)[number - 1]
    features = FeatureNetwork(
        config.network,
        config.data.size,
        attention=stage.attention and config.network.attention,
        projection=stage.projection,
        relu=stage.relu,
        # The mirror image of a digit is none.
        mirror=config.network.mirror and config.data.flip,
    )
    return OpenNetwork(
        features, build_classifier(classifier or stage.classifier, config.network, features.width, classes)
    )


def hand_over(source: OpenNetwork, target: OpenNetwork, *, restart_classifier: bool) -> None:
    """Begin a stage with the weights of the one before.

    Attention and projection may be new; anything else that is missing or left over is an error. The hallucinator
    begins as the linear classifier.

    Raises:
        InputError: If the feature networks do not fit; the message names what is missing, left over or of another
            shape.
    """
    there, here = source.features.state_dict(), target.features.state_dict()
    new = ("attention.", "projection.")
    missing = [name for name in here if name not in there and not name.startswith(new)]
    # A stage without attention or projection does not need those of the one before.
    left = [name for name in there if name not in here]
    shapes = [name for name in here if name in there and here[name].shape != there[name].shape]
    wrong = {"missing": missing, "left over": left, "of another shape": shapes}
    if any(wrong.values()):
        listed = "; ".join(f"{what}: {', '.join(names[:5])}" for what, names in wrong.items() if names)
        raise InputError(f"the weights of the stage before do not fit the next one ({listed}); use the same network")
    target.features.load_state_dict(there, strict=False)
    old, classifier = source.classifier, target.classifier
    if isinstance(classifier, ScaledClassifier):
        classifier.linear.load_state_dict(old.state_dict())
    elif isinstance(classifier, MetaEmbeddingClassifier):
        # Without the projection the feature of the first stage can have another width; then there is nothing to take.
        if isinstance(old, nn.Linear) and old.in_features == target.features.width:
            classifier.start_from(old)
    elif isinstance(classifier, LearntCosineClassifier) or not restart_classifier:
        if type(old) is not type(classifier):
            raise InputError(
                f"the stage before has the classifier {type(old).__name__}, this one {type(classifier).__name__}; "
                "let it begin anew (restart_classifier=true)"
            )
        classifier.load_state_dict(old.state_dict())
