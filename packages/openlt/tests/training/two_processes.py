"""Take five steps of the second stage on random pictures and write everything that was learnt; run by torchrun."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hr_common import device as devices
from openlt.config import StageConfig, load_config
from openlt.data import load_data
from openlt.losses import DiscriminativeCentroidsLoss
from openlt.networks.open_network import build_network
from openlt.training.batches import TrainingBatches, build_sampler, training_pictures
from openlt.training.objectives import logit_objective
from openlt.training.stage import GradientStage


def main(out: Path) -> None:
    torch.set_num_threads(1)
    data = load_data("digits-lt", root=None)
    config = load_config("tiny", overrides=("training.batch=32",))
    # Norms stay as they are, since gloo has none over processes; shuffled, so that both processes see the same classes.
    second = replace(config.stage2 or StageConfig(), freeze_norm=True, feature_weight=0.5, sampler="shuffle")
    config = replace(config, stage2=second)
    with devices.process_group(torch.device("cpu")) as group:
        torch.manual_seed(0)
        network = build_network(config, 2, data.num_classes)
        loss = DiscriminativeCentroidsLoss(data.num_classes, network.features.width, repel_weight=1.0)
        # Near each other, so that they repel too.
        torch.nn.init.normal_(loss.centroids, std=0.3)
        before = loss.centroids.detach().clone()
        batches = TrainingBatches(
            training_pictures(data, config, seed=0),
            build_sampler(second, data.splits["train"].labels, seed=0),
            batch=config.training.batch,
            rank=group.rank,
            world_size=group.world_size,
        )
        objective = logit_objective(second, config.losses, torch.from_numpy(data.counts))
        stage = GradientStage(
            2,
            config,
            network,
            batches,
            objective,
            centroid_loss=loss,
            device=torch.device("cpu"),
            world_size=group.world_size,
        )
        for taken, _ in enumerate(stage.run(0, 0), start=1):
            if taken == 5:
                break
        if group.is_main:
            learnt = {name: value.numpy() for name, value in network.state_dict().items()}
            centroids = {"centroids": loss.centroids.detach().numpy(), "centroids before": before.numpy()}
            np.savez(out, allow_pickle=False, **learnt, **centroids)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
