"""Checkpoints of XGBoost under the container's names, as often as they are worth their time.

The container writes one after every round. Here a round may take a millisecond and a checkpoint longer than that, so
some rounds go without; training that ends or is told to end keeps its last one.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from xgboost.callback import TrainingCallback

from flytekit_sagemaker.local.programs.xgboost_training import save_model

CHECKPOINT = re.compile(r"xgboost-checkpoint\.(\d+)")
CHECKPOINTS_KEPT = 5
SECONDS_BETWEEN = 0.25


def newest(directory: Path) -> tuple[Path | None, int]:
    """The checkpoint to go on from, None for none, and the round to go on with."""
    found = _checkpoints(directory)
    return (found[-1][1], found[-1][0] + 1) if found else (None, 0)


def _checkpoints(directory: Path) -> list[tuple[int, Path]]:
    found = ((CHECKPOINT.fullmatch(file.name), file) for file in directory.iterdir())
    return sorted((int(match[1]), file) for match, file in found if match)


class Checkpoints(TrainingCallback):
    """Writes checkpoints during a training whose first round has the given number."""

    def __init__(self, directory: Path, first_round: int) -> None:
        super().__init__()
        self._directory = directory
        self._first_round = first_round
        self._unsaved: tuple[Any, int, int] | None = None
        self._due = 0.0

    def after_iteration(self, model: Any, epoch: int, evals_log: TrainingCallback.EvalsLog) -> bool:
        self._unsaved = model, self._first_round + epoch, model.num_boosted_rounds()
        if time.monotonic() >= self._due:
            self.save()
        return False

    def after_training(self, model: Any) -> Any:
        self.save()
        return model

    def save(self) -> None:
        """Write the checkpoint of the last round, unless it is there.

        A signal's handler may call this when the model is already a round ahead of what was told.
        """
        if self._unsaved is None:
            return
        model, number, rounds = self._unsaved
        number += model.num_boosted_rounds() - rounds
        save_model(model, self._directory / f"xgboost-checkpoint.{number}")
        self._unsaved = None
        for _, file in _checkpoints(self._directory)[:-CHECKPOINTS_KEPT]:
            file.unlink()
        self._due = time.monotonic() + SECONDS_BETWEEN
