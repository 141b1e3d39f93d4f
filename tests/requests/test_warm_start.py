"""What a tuning job must have in common with the parents of its warm start, told before the create."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from flytekit_sagemaker import types
from flytekit_sagemaker.models.hpo_job import WarmStartConfig
from flytekit_sagemaker.models.parameter_ranges import IntegerParameterRange, ParameterRangeOneOf, ParameterRanges
from flytekit_sagemaker.requests.validation import Findings
from flytekit_sagemaker.requests.warm_start import advice, problems
from flytekit_sagemaker.testing import builders as make
from tests.requests import samples


def child(warm_start_type: str = "IDENTICAL_DATA_AND_ALGORITHM", *parents: str) -> dict[str, Any]:
    """The request of a tuning job that starts from its parents."""
    warm_start = WarmStartConfig(
        warm_start_type=types.WarmStartType[warm_start_type],
        parent_hyperparameter_tuning_jobs=parents or ("parent",),
    )
    return samples.tuning(config=make.tuning_config(warm_start_config=warm_start)).parameters


def parent(**changes: Any) -> dict[str, Any]:
    """The description of a finished tuning job like the child."""
    request = copy.deepcopy(samples.tuning().parameters)
    request["TrainingJobDefinition"]["StaticHyperParameters"]["_tuning_objective_metric"] = "validation:rmse"
    counters = {"Completed": 4, "Stopped": 0}
    status = "Completed"
    return {**request, "HyperParameterTuningJobStatus": status, "TrainingJobStatusCounters": counters, **changes}


def told(request: dict[str, Any], **parents: Any) -> list[str]:
    return [str(problem) for problem in problems(request, parents)]


def advised(request: dict[str, Any], **parents: Any) -> list[str]:
    """The warnings that a user is told."""
    return list(Findings().with_others(advice(request, parents)).warnings)


def test_a_child_that_is_like_its_parents_starts_from_them() -> None:
    assert told(child("TRANSFER_LEARNING", "one", "two"), one=parent(), two=parent()) == []
    assert told(child("IDENTICAL_DATA_AND_ALGORITHM"), parent=parent(HyperParameterTuningJobStatus="Stopped")) == []


def test_a_parent_of_which_nothing_is_known_is_left_to_the_service() -> None:
    assert told(child()) == []


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_parent_has_to_end_first(status: str) -> None:
    (sentence,) = told(child(), parent=parent(HyperParameterTuningJobStatus=status))
    assert f"'parent': is in status {status}: it has to end" in sentence
    assert "WarmStartConfig.ParentHyperParameterTuningJobs[0]" in sentence


def test_every_parent_that_is_unknown_is_named() -> None:
    sentences = told(child("TRANSFER_LEARNING", "one", "two"), one=None, two=None)
    assert ["'one': does not exist" in sentences[0], "'two': does not exist" in sentences[1]] == [True, True]


def test_another_objective_is_refused_with_the_parent_s() -> None:
    other = parent()
    objective = {"Type": "Maximize", "MetricName": "validation:auc"}
    other["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"] = objective
    (sentence,) = told(child(), parent=other)
    assert "another objective: Maximize validation:auc, not Minimize validation:rmse" in sentence


def test_hyperparameters_of_another_number_are_named() -> None:
    other = parent()
    other["TrainingJobDefinition"]["StaticHyperParameters"]["gamma"] = "2"
    (sentence,) = told(child(), parent=other)
    assert "has 3 hyperparameters, static and tuned together, not 2" in sentence
    assert "Add gamma." in sentence


def test_a_hyperparameter_may_be_static_here_and_tuned_there() -> None:
    other = parent()
    other["HyperParameterTuningJobConfig"]["ParameterRanges"] = {
        "IntegerParameterRanges": [{"Name": "num_round", "MinValue": "1", "MaxValue": "9"}]
    }
    other["TrainingJobDefinition"]["StaticHyperParameters"] = {"eta": "0.3"}
    assert told(child(), parent=other) == []


def test_any_number_becomes_tuned_and_ten_at_most_become_static() -> None:
    names = [f"weight_{number}" for number in range(11)]
    tunes, fixes = child(), child()
    ranges = tunes["HyperParameterTuningJobConfig"]["ParameterRanges"]["ContinuousParameterRanges"]
    ranges += [{"Name": name, "MinValue": "0", "MaxValue": "1"} for name in names]
    fixes["TrainingJobDefinition"]["StaticHyperParameters"] |= dict.fromkeys(names, "0.5")
    ended = {"HyperParameterTuningJobStatus": "Completed"}
    assert told(tunes, parent={**fixes, **ended}) == []
    (sentence,) = told(fixes, parent={**tunes, **ended})
    assert "differs in values by 11 changes, of which 10 may be: weight_0 (1), weight_1 (1)" in sentence
    assert "Keep more of them as they were, or tune them." in sentence


@pytest.mark.parametrize(
    ("here", "there", "most", "one_more"),
    [
        ("0.5", "0.6", 10, "by 11 changes, of which 10 may be: weight_0 (1), weight_1 (1)"),
        ("red", "blue", 5, "by 12 changes, of which 10 may be: weight_0 (2), weight_1 (2)"),
        ("true", "1", 5, "by 12 changes"),
        ("auto", "NaN", 5, "by 12 changes"),
    ],
)
def test_another_static_number_counts_once_and_another_text_twice(
    here: str, there: str, most: int, one_more: str
) -> None:
    names = [f"weight_{number}" for number in range(most + 1)]
    ours, theirs = child(), parent()
    for job, value in ((ours, here), (theirs, there)):
        job["TrainingJobDefinition"]["StaticHyperParameters"] |= dict.fromkeys(names, value)
    (sentence,) = told(ours, parent=theirs)
    assert one_more in sentence
    ours["TrainingJobDefinition"]["StaticHyperParameters"]["weight_0"] = there
    assert told(ours, parent=theirs) == []


@pytest.mark.parametrize(
    ("here", "there"),
    [("3", "3.0"), ("0.001", "1e-3"), ("3", '"3"'), ("auto", '"auto"'), ("[1, 2]", "[1,2.0]"), ("NaN", "NaN")],
)
def test_another_spelling_is_no_change(here: str, there: str) -> None:
    names = [f"weight_{number}" for number in range(11)]
    ours, theirs = child(), parent()
    for job, value in ((ours, here), (theirs, there)):
        job["TrainingJobDefinition"]["StaticHyperParameters"] |= dict.fromkeys(names, value)
    assert told(ours, parent=theirs) == []


@pytest.mark.parametrize(("values", "refused"), [(10, 0), (11, 1)])
def test_a_choice_that_is_made_counts_as_often_as_it_had_values(values: int, refused: int) -> None:
    ours, theirs = child(), parent()
    ours["TrainingJobDefinition"]["StaticHyperParameters"]["booster"] = "dart"
    choice = {"Name": "booster", "Values": [str(number) for number in range(values)]}
    theirs["HyperParameterTuningJobConfig"]["ParameterRanges"]["CategoricalParameterRanges"] = [choice]
    sentences = told(ours, parent=theirs)
    assert ["by 11 changes, of which 10 may be: booster (11)" in sentence for sentence in sentences] == [True] * refused


def test_a_range_keeps_its_kind() -> None:
    eta = ParameterRanges(
        parameter_range_map={"eta": ParameterRangeOneOf(param=IntegerParameterRange(min_value=0, max_value=1))}
    )
    other = {**parent(), **samples.tuning(config=make.tuning_config(hyperparameter_ranges=eta)).parameters}
    (sentence,) = told(child(), parent=other)
    assert "tunes eta with an integer range, not a continuous one" in sentence


@pytest.mark.parametrize(("kind", "refused"), [("IDENTICAL_DATA_AND_ALGORITHM", 1), ("TRANSFER_LEARNING", 0)])
def test_another_image_is_for_transfer_learning_only(kind: str, refused: int) -> None:
    other = parent()
    other["TrainingJobDefinition"]["AlgorithmSpecification"]["TrainingImage"] = samples.IMAGE
    sentences = told(child(kind), parent=other)
    repository = samples.IMAGE.rpartition(":")[0]
    assert [repository in sentence and "TransferLearning" in sentence for sentence in sentences] == [True] * refused


def test_a_newer_version_of_an_image_may_be_the_same_algorithm() -> None:
    other = parent()
    specification = other["TrainingJobDefinition"]["AlgorithmSpecification"]
    assert specification["TrainingImage"].endswith(":1.7-1")
    specification["TrainingImage"] = specification["TrainingImage"].replace(":1.7-1", ":1.7-2@sha256:0123")
    assert told(child(), parent=other) == []
    assert told(child("IDENTICAL_DATA_AND_ALGORITHM"), parent=other) == []
    (warning,) = advised(child("IDENTICAL_DATA_AND_ALGORITHM"), parent=other)
    assert "sagemaker-xgboost:1.7-2@sha256:0123, not 683313688378" in warning
    assert advised(child("TRANSFER_LEARNING"), parent=other) == []


@pytest.mark.parametrize(
    ("source", "told_of"),
    [
        ({"S3DataSource": {"S3Uri": "s3://bucket/old", "S3DataType": "S3Prefix"}}, "s3://bucket/old"),
        ({"FileSystemDataSource": {"FileSystemId": "fs-1", "DirectoryPath": "/old"}}, "fs-1:/old"),
        ({"DatasetSource": {"DatasetArn": "arn:aws:old"}}, "arn:aws:old"),
        (None, "nothing"),
    ],
)
def test_other_data_that_is_called_identical_is_a_warning(source: dict[str, Any] | None, told_of: str) -> None:
    request, other = child("IDENTICAL_DATA_AND_ALGORITHM"), parent()
    train, validation = other["TrainingJobDefinition"]["InputDataConfig"]
    if source:
        train["DataSource"] = source
    else:
        other["TrainingJobDefinition"]["InputDataConfig"] = [validation]
    ours = request["TrainingJobDefinition"]["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    assert told(request, parent=other) == []
    (warning,) = advised(request, parent=other)
    assert f"'parent': has {told_of} in the channel train, not {ours}. Its trials count as this job's own" in warning
    assert advised(child("TRANSFER_LEARNING"), parent=other) == []


def test_the_same_folder_with_a_slash_at_its_end_is_the_same_data() -> None:
    other = parent()
    other["TrainingJobDefinition"]["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] += "/"
    assert advised(child("IDENTICAL_DATA_AND_ALGORITHM"), parent=other) == []


def test_of_a_parent_that_nobody_knows_nothing_is_advised() -> None:
    assert advised(child("IDENTICAL_DATA_AND_ALGORITHM"), parent=None) == []
    assert advised(child("IDENTICAL_DATA_AND_ALGORITHM")) == []


def test_hyperparameters_that_autotune_chose_are_not_counted() -> None:
    other = parent(Autotune={"Mode": "Enabled"})
    del other["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert told(child(), parent=other) == []


@pytest.mark.parametrize(("wanted", "launched", "most"), [(747, 3, None), (747, 4, 746), (750, 1, 749), (750, 0, None)])
def test_the_trials_of_the_parents_count_against_the_limit(wanted: int, launched: int, most: int | None) -> None:
    request = child()
    request["HyperParameterTuningJobConfig"]["Strategy"] = "Bayesian"
    request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] = wanted
    counters = {"Completed": launched // 2, "Stopped": launched - launched // 2}
    sentences = told(request, parent=parent(TrainingJobStatusCounters=counters))
    expected = f"must be at most {most}: the {launched} trials of the parents count too"
    assert [expected in sentence for sentence in sentences] == [True] * (most is not None)


def test_a_parent_with_several_definitions_cannot_be_one() -> None:
    other = parent()
    del other["TrainingJobDefinition"]
    (sentence,) = told(child(), parent=other)
    assert "several training job definitions" in sentence


def test_ten_hyperparameters_may_become_static() -> None:
    names = [f"weight_{number}" for number in range(10)]
    fixes, tunes = child(), child()
    fixes["TrainingJobDefinition"]["StaticHyperParameters"] |= dict.fromkeys(names, "0.5")
    ranges = tunes["HyperParameterTuningJobConfig"]["ParameterRanges"]["ContinuousParameterRanges"]
    ranges += [{"Name": name, "MinValue": "0", "MaxValue": "1"} for name in names]
    assert told(fixes, parent={**tunes, "HyperParameterTuningJobStatus": "Completed"}) == []


def test_only_the_number_of_hyperparameters_has_to_be_that_of_the_parent() -> None:
    other = parent()
    static = other["TrainingJobDefinition"]["StaticHyperParameters"]
    static["gamma"] = static.pop("num_round")
    assert told(child(), parent=other) == []


def test_another_algorithm_resource_is_for_transfer_learning_only() -> None:
    request, other = child(), parent()
    for job, name in ((request, "ours"), (other, "theirs")):
        specification = job["TrainingJobDefinition"]["AlgorithmSpecification"]
        del specification["TrainingImage"]
        specification["AlgorithmName"] = name
    (sentence,) = told(request, parent=other)
    assert "runs theirs, which IdenticalDataAndAlgorithm asks for, not ours" in sentence


def test_the_trials_of_all_parents_count_together() -> None:
    request = child("TRANSFER_LEARNING", "one", "two")
    request["HyperParameterTuningJobConfig"]["Strategy"] = "Bayesian"
    request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] = 747
    ended = {"HyperParameterTuningJobStatus": "Failed", "TrainingJobStatusCounters": {"Failed": 2}}
    one, two = (parent(HyperParameterTuningJobName=name, **ended) for name in ("one", "two"))
    (sentence,) = told(request, one=one, two=two)
    assert "the 4 trials of the parents count too" in sentence
    assert told(request, one=one, two=one) == []  # the service finds a job by its name in another case, too


def test_several_definitions_have_no_parents_to_be_compared_with() -> None:
    several = child()
    several["TrainingJobDefinitions"] = [several.pop("TrainingJobDefinition")]
    assert told(several, parent=None) == []
