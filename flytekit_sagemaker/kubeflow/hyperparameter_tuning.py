"""The program of the component: ``python -m flytekit_sagemaker.kubeflow.hyperparameter_tuning --region ...``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from flytekit_sagemaker.errors import SageMakerError
from flytekit_sagemaker.kubeflow import reading
from flytekit_sagemaker.kubeflow.files import OutputFiles
from flytekit_sagemaker.kubeflow.interruption import Interruption
from flytekit_sagemaker.kubeflow.running import Interrupted, TuningRun
from flytekit_sagemaker.kubeflow.tuning_job import described

FAILED = 1
INTERRUPTED = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the component and return its exit code: 0, 1 with a message on standard error, or 143 after SIGTERM.

    Args:
        arguments: what follows the program's name; ``sys.argv`` where left out.
    """
    with Interruption() as interruption:
        texts, paths, problems = reading.parse(arguments)
        files = OutputFiles(paths)
        values, unreadable = reading.values(texts)
        try:
            job = described(values, (*problems, *unreadable, *files.problems()))
        except SageMakerError as error:
            _tell_aside(f"error: {error}")
            return FAILED
        for warning in job.warnings:
            _tell_aside(f"warning: {warning}")
        importlib.import_module("flytekit")  # it sets a handler of SIGINT; the first call of AWS would load it
        interruption.take_signals()
        return _run(TuningRun(job, interruption, _tell), files)


def _run(run: TuningRun, files: OutputFiles) -> int:
    try:
        run.create()
        files.write({"hpo_job_name": run.name})
        run.conclude(run.follow(), files.write)
        return 0
    except Interrupted:
        _tell_aside(f"interrupted: tuning job {run.name} is not wanted any more")
        return INTERRUPTED
    except SageMakerError as error:
        _tell_aside(f"error: {run.masked(error)}")
        return FAILED
    finally:
        run.leave(files.write)


def _tell(line: str, stream: TextIO | None = None) -> None:
    with suppress(OSError):  # when nobody reads any more, the job is to be stopped all the same
        print(line, file=stream, flush=True)


def _tell_aside(line: str) -> None:
    _tell(line, sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
