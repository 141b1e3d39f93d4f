"""Records from SageMaker's answers: pure functions of what boto3 returned, without the secrets in it.

Sources:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeHyperParameterTuningJob.html
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperParameterTrainingJobSummary.html
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flytekit_sagemaker.masking import masked, masked_values, secrets_in
from flytekit_sagemaker.reporting.configuration import (
    definitions_of,
    objective_of,
    of_definitions,
    of_training_job,
    of_tuning_job,
)
from flytekit_sagemaker.reporting.endings import ending
from flytekit_sagemaker.reporting.shapes import Phase, TrainingRecord, Trial, TunableRange, TuningRecord

__all__ = [
    "Phase",
    "TrainingRecord",
    "Trial",
    "TunableRange",
    "TuningRecord",
    "finite",
    "objective_of",
    "training_record",
    "tuning_record",
]


def tuning_record(
    description: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], *, links: Mapping[str, str] | None = None
) -> TuningRecord:
    """The record of a tuning job.

    Args:
        description: answer of DescribeHyperParameterTuningJob.
        trials: every HyperParameterTrainingJobSummary of ListTrainingJobsForHyperParameterTuningJob, in any order.
        links: label to URL, shown where the record is.
    """
    secrets = secrets_in(description)
    config = description.get("HyperParameterTuningJobConfig", {})
    definitions = definitions_of(description)
    objective = objective_of(description)
    direction = objective.get("Type", "Minimize")
    ordered = sorted(trials, key=lambda item: (item["CreationTime"], item["TrainingJobName"]))
    shown = tuple(_trial(index, summary, secrets) for index, summary in enumerate(ordered, start=1))
    outcomes = Counter(trial.outcome for trial in shown)
    details = description.get("TuningJobCompletionDetails", {})
    created, ended = description.get("CreationTime"), description.get("HyperParameterTuningEndTime")
    return TuningRecord(
        name=description["HyperParameterTuningJobName"],
        status=description["HyperParameterTuningJobStatus"],
        objective_metric=objective.get("MetricName", ""),
        direction=direction,
        strategy=config.get("Strategy", ""),
        ranges=_ranges(config, definitions, shown, secrets),
        total=max(len(shown), config.get("ResourceLimits", {}).get("MaxNumberOfTrainingJobs") or 0),
        done=outcomes["done"],
        running=outcomes["running"],
        failed=outcomes["failed"],
        stopped=outcomes["stopped"],
        trials=shown,
        best_index=_best_index(shown, direction, description.get("BestTrainingJob", {}).get("TrainingJobName")),
        best_so_far=_best_so_far(shown, direction),
        training_seconds=sum(trial.duration_in_seconds or 0.0 for trial in shown),
        wall_seconds=_seconds(created, ended or description.get("LastModifiedTime")),
        created=created,
        ended=ended,
        failure_reason=masked(description.get("FailureReason", ""), secrets),
        max_parallel=config.get("ResourceLimits", {}).get("MaxParallelTrainingJobs", 0),
        early_stopping=config.get("TrainingJobEarlyStoppingType", ""),
        random_seed=config.get("RandomSeed"),
        training_image=", ".join(dict.fromkeys(filter(None, map(_algorithm, definitions)))),
        trials_without_improvement=details.get("NumberOfTrainingJobsObjectiveNotImproving"),
        converged=details.get("ConvergenceDetectedTime"),
        notes=tuple(masked(note, secrets) for note in ending(description)),
        search_settings=_masked_words(of_tuning_job(description), secrets),
        trial_settings=_masked_words(of_definitions(definitions, of_training_job), secrets),
        static_hyperparameters=_of_the_user(
            {
                ".".join(filter(None, (definition.get("DefinitionName"), name))): value
                for definition in definitions
                for name, value in definition.get("StaticHyperParameters", {}).items()
            },
            secrets,
        ),
        links=dict(links or {}),
    )


def training_record(
    description: Mapping[str, Any], *, links: Mapping[str, str] | None = None, log_tail: Sequence[str] = ()
) -> TrainingRecord:
    """The record of a training job.

    Args:
        description: answer of DescribeTrainingJob.
        links: label to URL, shown where the record is.
        log_tail: last lines of the job's log, shown where it failed.
    """
    secrets = secrets_in(description)
    created, ended = description.get("CreationTime"), description.get("TrainingEndTime")
    algorithm = description.get("AlgorithmSpecification", {})
    return TrainingRecord(
        name=description["TrainingJobName"],
        status=description["TrainingJobStatus"],
        secondary_status=description.get("SecondaryStatus", ""),
        failure_reason=masked(description.get("FailureReason", ""), secrets),
        phases=tuple(
            Phase(
                status=step["Status"],
                message=masked(step.get("StatusMessage", ""), secrets),
                started=step.get("StartTime"),
                seconds=_seconds(step.get("StartTime"), step.get("EndTime")),
            )
            for step in description.get("SecondaryStatusTransitions", ())
        ),
        final_metrics={
            metric["MetricName"]: metric["Value"]
            for metric in description.get("FinalMetricDataList", ())
            if finite(metric.get("Value")) is not None
        },
        hyperparameters=_of_the_user(description.get("HyperParameters", {}), secrets),
        channels={
            channel["ChannelName"]: masked(_uri(channel), secrets) for channel in description.get("InputDataConfig", ())
        },
        model_uri=description.get("ModelArtifacts", {}).get("S3ModelArtifacts", ""),
        tuning_job_name=description.get("TuningJobArn", "").rpartition("/")[2],
        training_image=_algorithm(description),
        input_mode=algorithm.get("TrainingInputMode", ""),
        settings=_masked_words(of_training_job(description), secrets),
        created=created,
        ended=ended,
        training_seconds=_float(description.get("TrainingTimeInSeconds")),
        billable_seconds=_float(description.get("BillableTimeInSeconds")),
        wall_seconds=_seconds(created, ended or description.get("LastModifiedTime")),
        managed_spot_training=description.get("EnableManagedSpotTraining", False),
        log_tail=tuple(masked(line, secrets) for line in log_tail),
        links=dict(links or {}),
    )


def finite(value: float | None) -> float | None:
    """The value where it is a finite number: neither JSON nor a plot has a place for another."""
    return value if value is not None and math.isfinite(value) else None


def _trial(index: int, summary: Mapping[str, Any], secrets: Collection[str]) -> Trial:
    started = summary.get("TrainingStartTime")
    return Trial(
        index=index,
        training_job_name=summary["TrainingJobName"],
        status=summary["TrainingJobStatus"],
        definition=summary.get("TrainingJobDefinitionName", ""),
        hyperparameters=masked_values(summary.get("TunedHyperParameters", {}), secrets),
        objective=finite(summary.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")),
        objective_status=summary.get("ObjectiveStatus", ""),
        started=started or summary["CreationTime"],
        duration_in_seconds=_seconds(started, summary.get("TrainingEndTime")),
        failure_reason=masked(summary.get("FailureReason", ""), secrets),
    )


def _best_index(trials: Sequence[Trial], direction: str, named_by_service: str | None) -> int | None:
    scored = {trial.index: trial.objective for trial in trials if trial.objective is not None}
    named = next((trial.index for trial in trials if trial.training_job_name == named_by_service), None)
    if named in scored or not scored:
        return named if named in scored else None
    return (max if direction == "Maximize" else min)(scored, key=lambda index: scored[index])


def _best_so_far(trials: Sequence[Trial], direction: str) -> tuple[float | None, ...]:
    better = max if direction == "Maximize" else min
    series: list[float | None] = []
    for trial in trials:
        known = [value for value in (series[-1] if series else None, trial.objective) if value is not None]
        series.append(better(known) if known else None)
    return tuple(series)


def _of_the_user(hyperparameters: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """The hyperparameters without the one that the service adds to tell the algorithm what is tuned for."""
    shown = masked_values(hyperparameters, secrets)
    return {name: value for name, value in shown.items() if name.rpartition(".")[2] != "_tuning_objective_metric"}


def _ranges(
    config: Mapping[str, Any],
    definitions: Sequence[Mapping[str, Any]],
    trials: Sequence[Trial],
    secrets: Collection[str],
) -> tuple[TunableRange, ...]:
    common = config.get("ParameterRanges", {})
    sources = [
        ("", common),
        *((item.get("DefinitionName", ""), item.get("HyperParameterRanges", {})) for item in definitions),
    ]
    ranges: dict[str, TunableRange] = {}
    for definition, source in sources:
        for item in _declared(source, secrets):
            own = replace(item, definitions=(definition,) if definition else ())
            ranges[item.name] = ranges[item.name].beside(own) if item.name in ranges else own
    # With Autotune the service chooses the ranges and does not tell them: take those that its choices span.
    for name in dict.fromkeys(name for trial in trials for name in trial.hyperparameters):
        ranges.setdefault(name, _observed(name, [t.hyperparameters[name] for t in trials if name in t.hyperparameters]))
    return tuple(ranges.values())


def _declared(source: Mapping[str, Any], secrets: Collection[str]) -> list[TunableRange]:
    numeric = [
        TunableRange(
            name=item["Name"],
            kind=kind,
            minimum=float(item["MinValue"]),
            maximum=float(item["MaxValue"]),
            scaling=item.get("ScalingType", "Auto"),
        )
        for kind in ("Continuous", "Integer")
        for item in source.get(f"{kind}ParameterRanges", ())
    ]
    categorical = [
        TunableRange(
            name=item["Name"],
            kind="Categorical",
            values=tuple(masked_values({item["Name"]: value}, secrets)[item["Name"]] for value in item["Values"]),
        )
        for item in source.get("CategoricalParameterRanges", ())
    ]
    return numeric + categorical


def _observed(name: str, texts: Sequence[str]) -> TunableRange:
    try:
        values = [float(text) for text in texts]
    except ValueError:
        return TunableRange(name=name, kind="Categorical", values=tuple(dict.fromkeys(texts)))
    return TunableRange(name=name, kind="Continuous", minimum=min(values), maximum=max(values), scaling="Auto")


def _algorithm(job: Mapping[str, Any]) -> str:
    """The image of a training job or of a definition, or the name of its algorithm resource."""
    specification = job.get("AlgorithmSpecification", {})
    return str(specification.get("TrainingImage") or specification.get("AlgorithmName") or "")


def _masked_words(words: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    return {label: masked(text, secrets) for label, text in words.items()}


def _uri(channel: Mapping[str, Any]) -> str:
    source = channel.get("DataSource", {})
    files = source.get("FileSystemDataSource", {})
    return str(source.get("S3DataSource", {}).get("S3Uri") or files.get("DirectoryPath") or "")


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
