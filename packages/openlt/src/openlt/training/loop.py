"""The training loop of a stage: steps, validation, log, the best weights, and going on where a run was cut off."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from hr_common import device as devices
from hr_common.interrupts import interruptible
from hr_common.runs import RunFolder, append_record
from openlt.checkpoints import Origin, save_model
from openlt.training.checkpointing import Position, save_checkpoint
from openlt.training.stage import Stage

logger = logging.getLogger(__name__)

Figures = Mapping[str, float | None]


@dataclass(frozen=True)
class Places(RunFolder):
    """The files of a run."""

    @property
    def checkpoints(self) -> Path:
        """Folder of the states to go on from and of the best weights of each stage."""
        return self.folder / "checkpoints"

    @property
    def last(self) -> Path:
        """State to go on from."""
        return self.checkpoints / "last.pt"

    def best(self, stage: int) -> Path:
        """Best weights of a stage."""
        return self.checkpoints / f"stage{stage}.best.safetensors"


def run_stage(
    stage: Stage,
    position: Position,
    places: Places,
    *,
    origin: Origin,
    measure: Callable[[Stage], Figures],
    renew: Callable[[Stage], None],
    is_main: bool = True,
) -> Position:
    """Train a stage from a position to its end.

    After every epoch the network is measured, and the weights of the best overall accuracy are kept together with the
    memory of that epoch. Without validation pictures the last epoch's are.

    Args:
        stage: What is trained.
        position: Where it stands.
        places: Where to write.
        origin: Data and seed, for the cards.
        measure: Figures on the validation pictures, ``overall`` among them.
        renew: Replaces the memory by new class means, where that is asked for.
        is_main: False in the processes of a group that do not write.

    Raises:
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
        FloatingPointError: If a loss is no longer finite; the last checkpoint stays.
    """
    settings = stage.settings
    every = stage.config.training.checkpoint_every

    def save() -> None:
        if is_main:
            save_checkpoint(places.last, stage, position, origin=origin)

    with interruptible() as interrupts:
        while position.epoch < settings.epochs:
            began, first = time.monotonic(), position.step
            bar = tqdm(
                total=stage.steps,
                initial=position.step,
                desc=f"stage {stage.number}, epoch {position.epoch + 1}/{settings.epochs}",
                disable=None if is_main else True,
                leave=False,
            )
            with bar:
                if position.step < stage.steps:
                    for figures in stage.run(position.epoch, position.step):
                        _add(position, figures, places)
                        bar.update()
                        if interrupts.requested:
                            save()
                            raise KeyboardInterrupt
                        if position.step % every == 0:
                            save()
            seconds = time.monotonic() - began
            stage.end_epoch(position.epoch)
            again = stage.config.training.recompute_centroids
            if again and (position.epoch + 1) % again == 0:
                renew(stage)
            measured = measure(stage)
            steps, sums = position.step, position.sums
            position.epoch, position.step, position.sums = position.epoch + 1, 0, {}
            overall = measured.get("overall")
            if overall is None or position.best is None or overall > position.best:
                position.best, position.best_epoch = overall, position.epoch
                if is_main:
                    save_model(
                        places.best(stage.number),
                        stage.network,
                        stage.centroids,
                        config=stage.config,
                        stage=stage.number,
                        classifier=settings.classifier,
                        origin=origin,
                        epoch=position.epoch,
                        metrics=measured,
                    )
            if is_main:
                _log(places.log, stage, position, sums, steps, measured, seconds, steps - first)
            save()
            if interrupts.requested:
                raise KeyboardInterrupt
    return position


def _add(position: Position, figures: Mapping[str, float], places: Places) -> None:
    position.step += 1
    for name, value in figures.items():
        if not math.isfinite(value):
            raise FloatingPointError(
                f"{name} is {value} in stage {position.stage}, epoch {position.epoch + 1}, step {position.step}; "
                f"the last checkpoint is {places.last}; lower the learning rates"
            )
        position.sums[name] = position.sums.get(name, 0.0) + value


def _log(
    path: Path,
    stage: Stage,
    position: Position,
    sums: Mapping[str, float],
    steps: int,
    figures: Figures,
    seconds: float,
    taken: int,
) -> None:
    remarks = dict(stage.remarks())
    waited = remarks.pop("seconds_waited", 0.0)
    record = {
        "stage": stage.number,
        "epoch": position.epoch,
        **{name: value / steps for name, value in sums.items()},
        **{f"val_{name}": value for name, value in figures.items()},
        "seconds": round(seconds, 3),
        "images_per_second": round(taken * stage.config.training.batch / seconds, 1) if seconds > 0 else None,
        "waiting_share": round(min(1.0, waited / seconds), 4) if seconds > 0 else None,
        "peak_mebibytes": round(devices.memory(next(stage.network.parameters()).device).peak / 2**20, 1),
        **remarks,
    }
    append_record(path, record)
    logger.info(
        "stage %d, epoch %d: loss %.4g, overall %s",
        stage.number,
        position.epoch,
        record.get("loss", math.nan),
        "not measured" if figures.get("overall") is None else f"{figures['overall']:.4f}",
    )
