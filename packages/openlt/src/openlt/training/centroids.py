"""The memory at the start of a stage: the mean feature of each class over the plain training list."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from openlt.config import OpenltConfig
from openlt.data.splits import ImageSplit
from openlt.networks.feature_network import FeatureNetwork
from openlt.training.batches import in_order, plain_pictures


@torch.no_grad()
def class_centroids(
    network: FeatureNetwork,
    split: ImageSplit,
    classes: int,
    config: OpenltConfig,
    *,
    device: torch.device,
    rank: int = 0,
    world_size: int = 1,
) -> Float[Tensor, "class feature"]:
    """Average the features of every class, of un-augmented pictures, with the network in evaluation mode.

    Sums are kept in double precision and, in a process group, added over the processes. A class without pictures has
    its centroid at zero.
    """
    was_training = network.training
    network.eval()
    sums = torch.zeros(classes, network.width, dtype=torch.float64, device=device)
    counts = torch.zeros(classes, dtype=torch.float64, device=device)
    batches = in_order(
        plain_pictures(split, config),
        batch=config.training.batch,
        workers=config.data.workers,
        rank=rank,
        world_size=world_size,
    )
    for batch in batches:
        labels = batch.labels.to(device)
        sums.index_add_(0, labels, network(batch.images.to(device)).features.double())
        counts += torch.bincount(labels, minlength=classes)
    network.train(was_training)
    if world_size > 1:
        torch.distributed.all_reduce(sums)
        torch.distributed.all_reduce(counts)
    return (sums / counts.clamp_min(1)[:, None]).float()


@torch.no_grad()
def all_features(
    network: FeatureNetwork, split: ImageSplit, config: OpenltConfig, *, device: torch.device
) -> tuple[Float[Tensor, "item feature"], Int64[Tensor, " item"]]:
    """Compute the features of a whole split, un-augmented, with their labels; on the CPU, in the order of the list."""
    was_training = network.training
    network.eval()
    features, labels = [], []
    for batch in in_order(plain_pictures(split, config), batch=config.training.batch, workers=config.data.workers):
        features.append(network(batch.images.to(device)).features.float().cpu())
        labels.append(batch.labels)
    network.train(was_training)
    return torch.cat(features), torch.cat(labels)
