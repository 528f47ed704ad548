"""All rows of a table, in the order in which it is printed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from graphfit.baselines import floors
from graphfit.baselines.bilstm import BiLSTM
from graphfit.baselines.interface import Fitted, Method, fit_model
from graphfit.baselines.metric_learning import CSN, Euclidean, FocalEuclidean, TransNFCM, TypeAware
from graphfit.config import GraphfitConfig
from graphfit.networks.outfit_model import OutfitModel
from graphfit.training.problem import Problem
from graphfit.training.start import graph_model


def _learnt(kind: Callable[[int, GraphfitConfig], OutfitModel]) -> Callable[[Problem, GraphfitConfig, int], Fitted]:
    def build(problem: Problem, config: GraphfitConfig, seed: int) -> OutfitModel:
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            return kind(problem.inputs.features.shape[1], config)

    return partial(fit_model, build)


def _graph(**network: Any) -> Callable[[Problem, GraphfitConfig, int], Fitted]:
    def fit(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
        return fit_model(graph_model, problem, replace(config, network=replace(config.network, **network)), seed)

    return fit


_ONE_ROUND: Mapping[str, Any] = {"residual": False, "readout": "max+mean"}

METHODS: Mapping[str, Method] = {
    "random": Method("random", "draws scores", floors.fit_random, is_floor=True),
    "size": Method("set size", "fewer items are better", floors.fit_size, is_floor=True),
    "popularity": Method("popularity", "how often items are worn", floors.fit_popularity, is_floor=True),
    "categories": Method("category pairs", "which fine categories go together", floors.fit_categories, is_floor=True),
    "colour-words": Method("colour and category pairs", "with colour words", floors.fit_colour_words, is_floor=True),
    "worn-together": Method("pairs worn together", "how often they were", floors.fit_worn_together, is_floor=True),
    "colour-rule": Method("colour rule", "frequency of the colour style", floors.fit_colour_rule, is_floor=True),
    "background": Method("photo background", "whether backgrounds are alike", floors.fit_background, is_floor=True),
    "cosine": Method("mean cosine", "of the frozen features", floors.fit_cosine, is_floor=True),
    "euclidean": Method("Euclidean", "distance of embeddings, triplets", _learnt(Euclidean)),
    "focal": Method("Euclidean + focal", "the same with a focal loss on outfits", _learnt(FocalEuclidean)),
    "bilstm": Method("Bi-LSTM", "an outfit as a sequence", _learnt(BiLSTM)),
    "csn": Method("CSN", "a mask for each pair of types", _learnt(CSN)),
    "type-aware": Method("Type-Aware", "masks, unit length, words", _learnt(TypeAware)),
    "transnfcm": Method("TransNFCM", "a translation for each pair of types", _learnt(TransNFCM)),
    "node": Method("node", "nodes pooled, no edges", _graph(layers=0, readout="max+mean")),
    "edge-max": Method("edge max", "one round of edges, maximum", _graph(layers=1, aggregation="max", **_ONE_ROUND)),
    "edge-mean": Method("edge mean", "one round of edges, mean", _graph(layers=1, aggregation="mean", **_ONE_ROUND)),
    "ours": Method("neural graph filtering", "stacked edge filtering", _graph()),
}  # fmt: skip
"""By the name that the command line takes."""
