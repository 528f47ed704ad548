"""How much of the exact ranking the pruning towers keep: recall@10 by the length of the short list.

nox -s bench -- graphfit pruning --catalogue shop.csv --features shop.npz

For unfinished outfits drawn from the usual slot plans, all garments of the wanted category are scored exactly; the
recall is the share of the best ten that the short list of the index holds. The towers have not learnt from these
outfits. A random short list is the floor. Writes pruning.csv beside this script.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from graphfit import Collocator, OutfitScorer, read_catalogue
from graphfit.features import Features
from graphfit.retrieval import measure_recall
from hr_common.tables import provenance, write_csv


class RandomShortlist:
    def shortlist(self, partial: list[int], category: str, allowed: np.ndarray, count: int) -> np.ndarray:
        return np.random.default_rng(sum(partial)).choice(allowed, count, replace=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--contexts", type=int, default=200)
    parser.add_argument("--shortlists", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    scorer = OutfitScorer.from_pretrained()
    catalogue = read_catalogue(options.catalogue, check_pictures=False)
    collocator = Collocator(catalogue, scorer, features=Features.load(options.features, encoder=scorer.encoder))
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        index = collocator.make_index(folder, seed=options.seed)
    seconds = time.process_time() - began
    index.explore = collocator.config.explore
    rows = []
    for shortlist in options.shortlists:
        for name, chooser in (("towers", index), ("random", RandomShortlist())):
            found = measure_recall(
                collocator.worn, chooser, catalogue, options.contexts, shortlist=shortlist, seed=options.seed + 1
            )
            kinds = {f"recall_{kind}": round(share, 3) for kind, share in sorted(found.by_category.items())}
            rows.append(
                {
                    "pruned_by": name, "shortlist": shortlist, "recall_at_10": round(found.mean, 3),
                    "outfits": found.contexts, **kinds, "items": len(catalogue),
                    "index_processor_seconds": round(seconds, 1), "seed": options.seed, "threads": options.threads,
                }
            )  # fmt: skip
            print(f"{name:8} K = {shortlist:4}  recall@10 {found.mean:.3f}  {kinds}", flush=True)
    write_csv(options.out, rows, provenance("graphfit", "torch", folder=Path(__file__).parent))


if __name__ == "__main__":
    main()
