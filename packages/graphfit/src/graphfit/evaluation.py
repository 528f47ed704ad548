"""The table: figures of methods on fixed tasks, over seeds, with bootstrap intervals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from graphfit.baselines.interface import Fitted
from graphfit.calibration import Calibration
from graphfit.colour.schemes import STYLES
from graphfit.data.tasks import FillTask, Split
from graphfit.metrics import (
    average_precision,
    bootstrap_interval,
    compatibility_auc,
    expected_calibration_error,
    fitb_credits,
    macro_f1,
)
from graphfit.training.problem import Problem, colour_styles
from hr_common.errors import InputError


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one fitted method said on the tasks of a split."""

    labels: Int64[np.ndarray, " set"]
    """1 for the real outfits of the compatibility task."""
    scores: Float[np.ndarray, " set"]
    """Scores of its sets."""
    credits: Float[np.ndarray, " question"]
    """Expected credit of each fill-in-the-blank question."""
    styles: Int64[np.ndarray, " outfit"] | None
    """Style of the real outfits by the method, if it names styles."""
    rule: Int64[np.ndarray, " outfit"]
    """Style of the same outfits by the colour rule; -1 where it is not known."""
    calibration: Calibration
    """Settled on the validation task."""
    more_credits: Float[np.ndarray, " more"] | None = None
    """Expected credit of each question of a second task, if there is one."""


@dataclass(frozen=True)
class Row:
    """Figures of a method over seeds."""

    seeds: int
    """Number of trainings."""
    sets: int
    """Sets of the compatibility task."""
    questions: int
    """Fill-in-the-blank questions."""
    auc: float
    """Mean area under the ROC curve."""
    auc_deviation: float
    """Standard deviation over seeds; NaN for one."""
    auc_interval: tuple[float, float]
    """95 % bootstrap interval over the sets, of the mean over seeds."""
    average_precision: float
    """Mean over seeds."""
    calibration_error: float
    """Expected calibration error of the calibrated score, mean over seeds."""
    fitb: float
    """Mean share of questions answered."""
    fitb_deviation: float
    """Standard deviation over seeds; NaN for one."""
    fitb_interval: tuple[float, float]
    """95 % bootstrap interval over the questions, of the mean over seeds."""
    style_f1: float
    """Macro-F1 of the style head against the colour rule, mean over seeds; NaN without a style head."""
    style_accuracy: float
    """Share of outfits whose style it names as the rule does."""
    style_counts: Mapping[str, int] = field(default_factory=dict)
    """Outfits of each style by the rule, without which the style score cannot be read."""
    more_questions: int = 0
    """Questions of the second task."""
    more_fitb: float = float("nan")
    """Mean share of them answered, over the seeds that were asked; NaN if none was."""
    more_fitb_interval: tuple[float, float] = (float("nan"), float("nan"))
    """95 % bootstrap interval over them."""


def evaluate(problem: Problem, fitted: Fitted, split: Split = "test", more: FillTask | None = None) -> Outcome:
    """Ask a fitted method all questions of a split.

    Args:
        problem: Holds the tasks and the palettes of the rule.
        fitted: A method that learnt from the same problem.
        split: Which tasks.
        more: A second fill-in-the-blank task, such as :func:`graphfit.data.splitting.every_blank`.

    Raises:
        InputError: The split has no tasks.
    """
    data = problem.data
    task, fill = data.compatibility.get(split), data.fill.get(split)
    if task is None or fill is None:
        raise InputError(
            f"{data.name} has no compatibility and fill-in-the-blank tasks for {split}; make them with `graphfit split`"
        )
    valid = data.compatibility.get("valid")
    calibration = Calibration() if valid is None else Calibration.fit(fitted.score(valid.sets), valid.labels)
    outfits = [one for one, label in zip(task.sets, task.labels.tolist(), strict=True) if label == 1]
    return Outcome(
        labels=task.labels,
        scores=fitted.score(task.sets),
        credits=fitb_credits(fitted.fill(fill), fill.truths),
        styles=fitted.styles(outfits),
        rule=colour_styles(data.catalogue, problem.features, outfits, problem.colour),
        calibration=calibration,
        more_credits=None if more is None else fitb_credits(fitted.fill(more), more.truths),
    )


def summarise(outcomes: Sequence[Outcome], *, repetitions: int = 1000, seed: int = 0) -> Row:
    """Turn the outcomes of several seeds on the same tasks into one row.

    Args:
        outcomes: One for each seed.
        repetitions: Of the bootstrap.
        seed: Of the bootstrap.
    """
    labels, first = outcomes[0].labels, outcomes[0]
    aucs = [compatibility_auc(each.scores, labels) for each in outcomes]
    fitbs = [float(each.credits.mean()) for each in outcomes]
    generator = np.random.default_rng(seed)

    def auc_of(drawn: Int64[np.ndarray, " draw"]) -> float:
        return float(np.mean([compatibility_auc(each.scores[drawn], labels[drawn]) for each in outcomes]))

    mean_credits = np.mean([each.credits for each in outcomes], axis=0)
    asked_more = [each.more_credits for each in outcomes if each.more_credits is not None]
    named = [each for each in outcomes if each.styles is not None and (each.rule >= 0).all()]
    counts = np.bincount(first.rule[first.rule >= 0], minlength=len(STYLES)).tolist()
    return Row(
        seeds=len(outcomes),
        sets=len(labels),
        questions=len(first.credits),
        auc=float(np.mean(aucs)),
        auc_deviation=_deviation(aucs),
        auc_interval=bootstrap_interval(auc_of, len(labels), generator=generator, repetitions=repetitions),
        average_precision=float(np.mean([average_precision(each.scores, labels) for each in outcomes])),
        calibration_error=float(
            np.mean(
                [expected_calibration_error(each.calibration.probability(each.scores), labels) for each in outcomes]
            )
        ),
        fitb=float(np.mean(fitbs)),
        fitb_deviation=_deviation(fitbs),
        fitb_interval=_interval(mean_credits, generator, repetitions),
        style_f1=_mean([macro_f1(each.styles, each.rule, len(STYLES)) for each in named if each.styles is not None]),
        style_accuracy=_mean([float(np.mean(each.styles == each.rule)) for each in named]),
        style_counts=dict(zip(STYLES, counts, strict=True)),
        **_second_task(asked_more, generator, repetitions),
    )


def _interval(
    values: Float[np.ndarray, " question"], generator: np.random.Generator, repetitions: int
) -> tuple[float, float]:
    return bootstrap_interval(
        lambda drawn: float(values[drawn].mean()), len(values), generator=generator, repetitions=repetitions
    )


def _second_task(
    asked: Sequence[Float[np.ndarray, " question"]], generator: np.random.Generator, repetitions: int
) -> dict[str, Any]:
    if not asked:
        return {}
    mean = np.mean(asked, axis=0)
    return {
        "more_questions": len(mean),
        "more_fitb": float(mean.mean()),
        "more_fitb_interval": _interval(mean, generator, repetitions),
    }


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def markdown(rows: Mapping[str, Row]) -> Iterator[str]:
    """Yield the lines of a table in Markdown.

    Args:
        rows: By the title of the method.
    """
    more = any(row.more_questions for row in rows.values())
    yield "| method | seeds | AUC | 95 % | FITB % | 95 % |" + " every blank % | 95 % |" * more + " style macro-F1 |"
    yield "| --- | --- | --- | --- | --- | --- |" + " --- | --- |" * more + " --- |"
    best_auc, best_fitb = max(row.auc for row in rows.values()), max(row.fitb for row in rows.values())
    best_more = max((row.more_fitb for row in rows.values() if row.more_questions), default=0.0)
    for title, row in rows.items():
        auc = f"{row.auc:.3f}{_spread(row.auc_deviation, 3)}"
        fitb = f"{100 * row.fitb:.1f}{_spread(100 * row.fitb_deviation, 1)}"
        second = _bold(f"{100 * row.more_fitb:.1f}", row.more_fitb == best_more) if row.more_questions else "–"
        spread = f" {second} | {_percent(row.more_fitb_interval) if row.more_questions else '–'} |" if more else ""
        yield (
            f"| {title} | {row.seeds} "
            f"| {_bold(auc, row.auc == best_auc)} | {row.auc_interval[0]:.3f}–{row.auc_interval[1]:.3f} "
            f"| {_bold(fitb, row.fitb == best_fitb)} | {_percent(row.fitb_interval)} |{spread}"
            f" {'–' if np.isnan(row.style_f1) else f'{row.style_f1:.2f}'} |"
        )


def _percent(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}"


def _spread(deviation: float, digits: int) -> str:
    return "" if np.isnan(deviation) else f" ± {deviation:.{digits}f}"


def _bold(text: str, is_best: bool) -> str:
    return f"**{text}**" if is_best else text


def without_nan(value: Any) -> Any:
    """Replace NaN, which JSON has no place for, by ``None``, inside dictionaries and sequences too."""
    if isinstance(value, Mapping):
        return {name: without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value
