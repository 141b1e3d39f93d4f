"""What a tuning job takes over from earlier ones.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flytekit_sagemaker.local import descriptions
from flytekit_sagemaker.local.search import Observation
from flytekit_sagemaker.local.store import Job, Kind, Store


def parents_of(description: Mapping[str, Any]) -> list[str]:
    """The names of the tuning jobs that a tuning job (or a request for one) starts from."""
    parents = description.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", ())
    return [parent["HyperParameterTuningJobName"] for parent in parents]


def problem(request: Mapping[str, Any], find: Callable[[Kind, str], Job | None]) -> str:
    """Why a request cannot start from the parents that it names, or an empty string."""
    config = request["HyperParameterTuningJobConfig"]
    for name in parents_of(request):
        parent = find(Kind.TUNING, name)
        if parent is None:
            return f"The parent hyperparameter tuning job {name} does not exist."
        if not parent.ended:
            return f"The parent hyperparameter tuning job {name} is in status {parent.status}: it has to end first."
        theirs = parent.description["HyperParameterTuningJobConfig"]
        if theirs["HyperParameterTuningJobObjective"] != config["HyperParameterTuningJobObjective"]:
            return f"The objective differs from that of the parent hyperparameter tuning job {name}."
    return ""


def trials(job: Job, store: Store) -> list[Job]:
    """The trials of a tuning job's parents, in their order."""
    return [trial for name in parents_of(job.description) for trial in store.trials(name)]


def observations(job: Job, store: Store) -> list[Observation]:
    """What the parents' trials have shown, as far as their values lie in this tuning job's own space."""
    return list(_observations(job, trials(job, store)))


def _observations(job: Job, parents_trials: list[Job]) -> Iterator[Observation]:
    ranges = job.description["HyperParameterTuningJobConfig"].get("ParameterRanges", {})
    tuned = [each["Name"] for kind in ranges.values() for each in kind]
    choices = {each["Name"]: each["Values"] for each in ranges.get("CategoricalParameterRanges", ())}
    for trial in parents_trials:
        # What is tuned here may have been static there.
        given = trial.description.get("HyperParameters", {})
        values = {name: given[name] for name in tuned if name in given}
        known = len(values) == len(tuned) and all(values[name] in allowed for name, allowed in choices.items())
        if known and descriptions.objective_status(trial) == "Succeeded":
            yield Observation(values, trial.objective)
