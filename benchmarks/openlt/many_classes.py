"""Memory of classifier, memory and loss at the 74,500 identities of MS1M-LT: forward, backward and a step.

    nox -s bench -- openlt many_classes

512 features, batches of 128. Resident memory of the whole process is measured, torch included; the limit is 2.5 GiB.
"""

import argparse
import time
from pathlib import Path

import torch
from records import write_csv

from hr_common import device as devices
from openlt.losses import DiscriminativeCentroidsLoss
from openlt.networks.meta_embedding import MetaEmbeddingClassifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=74_500)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("many_classes.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    bare = devices.memory(torch.device("cpu")).peak
    classifier = MetaEmbeddingClassifier(512, arguments.classes)
    holder = DiscriminativeCentroidsLoss(arguments.classes, 512)
    torch.nn.init.normal_(holder.centroids)
    optimisers = [
        torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        for module in (classifier, holder)
    ]
    began = time.process_time()
    for step in range(arguments.steps):
        generator = torch.Generator().manual_seed(step)
        features = torch.randn(128, 512, generator=generator).relu().requires_grad_()
        labels = torch.randint(arguments.classes, (128,), generator=generator)
        logits = classifier(features, holder.centroids).logits
        loss = torch.nn.functional.cross_entropy(logits, labels) + 0.01 * holder(features, labels)
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
    seconds = (time.process_time() - began) / arguments.steps
    peak = devices.memory(torch.device("cpu")).peak
    row = {
        "classes": arguments.classes,
        "peak_gibibytes": round(peak / 2**30, 3),
        "before_gibibytes": round(bare / 2**30, 3),
        "cpu_seconds_a_step": round(seconds, 2),
    }
    write_csv(arguments.csv, [row])
    print(
        f"{arguments.classes:,} classes: at most {peak / 2**30:.2f} GiB resident, {bare / 2**30:.2f} of them before "
        f"anything was built; {seconds:.1f} s a step of one core; wrote {arguments.csv}"
    )


if __name__ == "__main__":
    main()
