import pytest

from hr_common.errors import InputError
from openlt.config import METHODS, PRESETS, load_config, stages_of


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("dataset", ["places-lt", "imagenet-lt", "ms1m-lt", "cifar100-lt", "digits-lt", "folder"])
def test_every_preset_loads_for_every_method(preset: str, dataset: str) -> None:
    for method, about in METHODS.items():
        assert len(stages_of(load_config(preset, dataset, method))) == about.stages


def test_the_recipe_of_imagenet_lt_is_that_of_the_published_code() -> None:
    first, second = stages_of(load_config("paper", "imagenet-lt"))
    assert (first.epochs, first.step_epochs, first.learning_rate, first.classifier_learning_rate) == (30, 10, 0.1, 0.1)
    assert (first.projection, first.attention, first.sampler) == (False, False, "shuffle")
    assert (second.epochs, second.step_epochs, second.learning_rate, second.classifier_learning_rate) == (
        60,
        20,
        0.01,
        0.1,
    )
    assert (second.projection, second.attention, second.sampler) == (True, True, "class-aware")
    assert (second.centroid_learning_rate, second.feature_weight, second.frozen) == (0.01, 0.01, "nothing")


def test_the_recipe_of_places_lt_is_that_of_the_published_code() -> None:
    config = load_config("paper", "places-lt")
    first, second = stages_of(config)
    assert config.network.backbone == "resnet152"
    assert (first.learning_rate, first.classifier_learning_rate, first.frozen, first.projection) == (
        0.001,
        0.1,
        "nothing",
        True,
    )
    assert (second.learning_rate, second.classifier_learning_rate, second.frozen) == (0.0001, 0.01, "backbone")
    assert (first.epochs, second.epochs, second.step_epochs) == (30, 30, 10)


def test_aligned_centroids_give_the_first_stage_the_projection() -> None:
    reference = load_config("paper", "imagenet-lt")
    aligned = load_config("paper", "imagenet-lt", overrides=("training.init=aligned",))
    assert not reference.stage1.projection
    assert aligned.stage1.projection


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("stage2.epoch=3",), "unknown setting 'stage2.epoch'.*did you mean 'stage2.epochs'"),
        (("training.batch=0", "data.min_area=2"), r"training.batch=0; expected 1 or more; data.min_area=2"),
        (("stage1.classifier=meta",), "stage1.classifier=meta needs a stage before it"),
        (("stage2.classifier=linear",), "stage2.feature_loss=centroids needs stage2.classifier=meta"),
        (("stage1.loss=ldam",), "stage1.loss=ldam needs stage1.classifier=margin"),
        (("threshold=2",), "threshold=2.*expected a probability"),
    ],
)
def test_a_contradiction_is_named(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_config("desk", overrides=overrides)


def test_an_unknown_method_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="unknown method 'magic'; choose one of plain, oltr, "):
        load_config(method="magic")


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InputError, match="unknown preset 'huge'; choose one of paper, desk, tiny"):
        load_config("huge")
