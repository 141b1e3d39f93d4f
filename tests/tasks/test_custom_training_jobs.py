"""A function of the user's own as a training job, on this machine."""

from __future__ import annotations

import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pandas
import pytest
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker.errors import InvalidInput, JobFailed, JobNotCreated
from flytekit_sagemaker.local.server import LocalSageMaker

from . import functions

RANGES = {
    "depth": {"integer_parameter_range": {"min_value": 1, "max_value": 9}},
    "rate": {"continuous_parameter_range": {"min_value": 0.1, "max_value": 0.9}},
    "kernel": {"categorical_parameter_range": {"values": ["linear", "rbf"]}},
}


def search(metric: str = "validation:error") -> dict[str, Any]:
    return {
        "tuning_strategy": "RANDOM",
        "tuning_objective": {"objective_type": "MINIMIZE", "metric_name": metric},
    }


@pytest.fixture
def boto(use_sagemaker: Any) -> Any:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.client("sagemaker", region_name="us-east-1", endpoint_url=use_sagemaker.url, **keys)


def newest(boto: Any) -> dict[str, Any]:
    listed = boto.list_training_jobs(SortBy="CreationTime", SortOrder="Descending")["TrainingJobSummaries"]
    return dict(boto.describe_training_job(TrainingJobName=listed[0]["TrainingJobName"]))


def content(job: dict[str, Any]) -> dict[str, bytes]:
    with tarfile.open(job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("file://")) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive if each.isfile()}  # type: ignore[union-attr]


def test_the_function_gets_its_inputs_and_returns_its_outputs(boto: Any, csv_data: Any) -> None:
    hyperparameters = {"target": 0.25, "rounds": 3, "name": "a b", "layers": [1, 2], "nothing": None, "flag": True}
    result = functions.train_model(
        train=str(csv_data.train),
        hyperparameters=hyperparameters,
        depth=4,
        stopping_condition={"max_runtime_in_seconds": 77},
    )

    seen = result.seen
    assert seen["hyperparameters"] == hyperparameters
    assert seen["types"] == {name: type(value).__name__ for name, value in hyperparameters.items()}
    assert (seen["depth"], seen["kernel"], seen["weights"], seen["max_runtime"]) == (4, "rbf", None, 77)
    assert not seen["has_validation"]
    assert seen["color"] == "green"
    job = newest(boto)
    assert job["HyperParameters"]["layers"] == "[1, 2]"
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train"]
    assert job["FinalMetricDataList"][0]["Value"] == pytest.approx(result.error)
    assert job["Environment"]["COLOR"] == "green"
    text = Path(result.model.download()).read_text()
    assert content(job) == {"model.txt": text.encode()}


def test_tuning_chooses_inputs_and_hyperparameters(boto: Any, csv_data: Any) -> None:
    result = functions.tune_model(
        train=str(csv_data.train),
        hyperparameters={"target": 0.25, "rate": 0.7, "rounds": 3},
        weights=[1.5],
        hyperparameter_tuning_job_config=search(),
        **RANGES,
    )

    trials = result.trials.open(pandas.DataFrame).all()
    best = trials.set_index("training_job_name").loc[result.best_job_name]
    seen = result.seen
    assert seen["depth"] == best["depth"]
    assert seen["kernel"] == best["kernel"]
    assert seen["hyperparameters"] == {"target": 0.25, "rate": pytest.approx(best["rate"]), "rounds": 3}
    assert seen["types"] == {"target": "float", "rate": "float", "rounds": "int"}
    assert seen["weights"] == [1.5]
    assert result.error == pytest.approx(result.best_objective) == pytest.approx(trials["objective"].min())
    assert result.best_hyperparameters["rounds"] == "3"
    assert Path(result.model.download()).name == "model.txt"
    job = boto.describe_training_job(TrainingJobName=result.best_job_name)
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == result.model_artifact_url
    assert list(content(job)) == ["model.txt"]


def test_hyperparameters_may_be_a_dataclass(use_sagemaker: Any) -> None:
    result = functions.tune_dataclass(
        hyperparameters=functions.Settings(rate=0.5),
        rounds={"integer_parameter_range": {"min_value": 7, "max_value": 7}},
        hyperparameter_tuning_job_config=search("score"),
    )
    assert result.o0 == pytest.approx(3.5)


def test_a_channel_may_be_one_file(use_sagemaker: Any, tmp_path: Path) -> None:
    (tmp_path / "table.txt").write_text("one,two")
    assert functions.from_file(table=str(tmp_path / "table.txt")) == "one,two"


def test_a_model_of_any_type_is_in_the_archive(boto: Any) -> None:
    result = functions.return_array()
    assert result.mean == 1.5
    assert list(result.model) == [0, 1, 2, 3]
    assert len(content(newest(boto))) == 1


def test_a_model_that_is_in_its_place_stays_there(boto: Any) -> None:
    functions.keep_model_in_place(hyperparameters={})
    assert content(newest(boto)) == {"weights/a.txt": b"a"}


def test_values_that_are_too_long_for_sagemaker_reach_the_function(boto: Any, csv_data: Any) -> None:
    many = {f"h{number}": number for number in range(120)}
    result = functions.train_model(
        train=str(csv_data.train), hyperparameters={"long": "x" * 9000, **many}, depth=1, weights=[0.25] * 2000
    )
    assert len(result.seen["hyperparameters"]["long"]) == 9000
    assert result.seen["hyperparameters"]["h119"] == 119
    assert len(result.seen["weights"]) == 2000
    assert "long" not in newest(boto)["HyperParameters"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("apples", ["ValueError: cannot train on apples", "in _broken", "functions.py"]),
        ("long", ["ValueError: xxx", "at the end", "in fail"]),
        ("output", ["float"]),
        ("exit", ["SystemExit: 3", "exit code: 3", "in fail"]),
    ],
)
def test_a_failure_is_told_by_the_function_itself(boto: Any, kind: str, words: list[str]) -> None:
    with pytest.raises(JobFailed) as failed:
        functions.fail(kind=kind)
    reason = newest(boto)["FailureReason"]
    assert reason.startswith("AlgorithmError: ")
    assert len(reason) <= 1024
    for word in words:
        assert word in reason
        assert word in str(failed.value)
    assert "flytekit/core" not in reason


def test_every_host_runs_and_the_first_one_counts(boto: Any) -> None:
    seen = functions.on_two_hosts()
    assert seen == {
        "hosts": ["algo-1", "algo-2"],
        "host": "algo-1",
        "rank": 0,
        "interface": "lo",
        "world": "2",
        "master": "127.0.0.1",
    }
    job = newest(boto)
    assert job["ResourceConfig"]["InstanceCount"] == 2
    assert [metric["Value"] for metric in job["FinalMetricDataList"]] == [0]


def test_a_predicate_says_whose_outputs_count(use_sagemaker: Any) -> None:
    assert functions.persisted_by_the_second() == "algo-2"


def test_a_host_that_fails_fails_the_job(use_sagemaker: Any) -> None:
    with pytest.raises(JobFailed, match="algo-2 is broken"):
        functions.on_two_hosts(kind="algo-2")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"depth": {"continuous_parameter_range": {"min_value": 0, "max_value": 1}}},
            ["depth", "IntegerParameterRange"],
        ),
        ({"kernel": {"integer_parameter_range": {"min_value": 0, "max_value": 1}}}, []),
        ({"depth": {"categorical_parameter_range": {"values": ["1", "two"]}}}, ["depth", "two", "int"]),
    ],
)
def test_a_range_has_to_suit_its_input(
    use_sagemaker: Any, csv_data: Any, changes: dict[str, Any], words: list[str]
) -> None:
    def tune() -> Any:
        return functions.tune_model(
            train=str(csv_data.train),
            hyperparameters={},
            hyperparameter_tuning_job_config=search(),
            **{**RANGES, **changes},
        )

    if not words:
        assert tune().seen["kernel"] in ("0", "1")
        return
    with pytest.raises(JobNotCreated) as refused:
        tune()
    for word in words:
        assert word in str(refused.value)


def test_a_call_names_every_wrong_input() -> None:
    with pytest.raises(InvalidInput) as refused:
        functions.train_model(trian="x", hyperparameters=3)
    for word in ("trian", "Did you mean 'train'", "hyperparameters", "must be a dictionary", "depth", "is required"):
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (functions.in_a_bare_image, ["flytekit-sagemaker", "exit code: 127", "sagemaker_image()"]),
        (functions.in_an_image_that_does_something_else, ["left no outputs", "something else"]),
    ],
)
def test_an_image_without_the_package_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: Any, words: list[str]
) -> None:
    bare = ["env", "-i", "PATH=/usr/bin:/bin", "flytekit-sagemaker", "train"]
    with LocalSageMaker(tmp_path, images={"bare": bare, "other": ["true"]}) as server:
        monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", server.url)
        with pytest.raises(JobFailed) as failed:
            task()
    for word in words:
        assert word in str(failed.value)


def grid(metric: str) -> dict[str, Any]:
    objective = {"objective_type": "MINIMIZE", "metric_name": metric}
    return {"tuning_strategy": "GRID", "tuning_objective": objective}


def one_of(*values: object) -> dict[str, Any]:
    return {"categorical_parameter_range": {"values": [str(value) for value in values]}}


def test_the_model_is_that_of_the_best_trial(use_sagemaker: Any) -> None:
    result = functions.tune_depth(depth=one_of(4, 3, 2, 1), hyperparameter_tuning_job_config=grid("loss"))
    assert result.best_hyperparameters == {"depth": "2"}
    assert Path(result.model.download()).read_text() == "2"


def test_each_job_has_a_working_directory_of_its_own(use_sagemaker: Any) -> None:
    first, second = (functions.write_depth(depth=depth) for depth in (1, 2))
    assert first.folder != second.folder
    assert first.left == second.left == []


def test_a_trial_that_failed_or_left_nothing_is_not_the_best(use_sagemaker: Any) -> None:
    result = functions.tune_leaving(depth=one_of(1, 2, 3), hyperparameter_tuning_job_config=grid("loss"))
    assert result.best_hyperparameters == {"depth": "3"}
    assert result.o0 == 3


def test_a_tuning_job_without_any_result_says_so(use_sagemaker: Any) -> None:
    with pytest.raises(JobFailed, match="ended by itself, before its function returned"):
        functions.tune_leaving(depth=one_of(1), hyperparameter_tuning_job_config=search("loss"))


@pytest.mark.parametrize("given", [None, {}, {"a": {"b": [1, {"c": None}]}, "ü": "€ '\"\n", "big": 2**40, "f": 1e-7}])
def test_hyperparameters_may_be_left_out(use_sagemaker: Any, given: Any) -> None:
    assert functions.show_hyperparameters(hyperparameters=given) == repr(given)


def test_hyperparameters_may_have_types(use_sagemaker: Any) -> None:
    assert functions.with_floats(hyperparameters={"a": 0.5, "b": 2.0}) == {"a": 0.5, "b": 2.0}
    assert functions.with_lists(hyperparameters={"a": [1, 2]}) == {"a": [1, 2]}
    tuned = functions.tune_floats(
        hyperparameters={"b": 2.0}, rate=one_of(1), hyperparameter_tuning_job_config=grid("loss")
    )
    assert tuned.o0 == {"b": 2.0, "rate": 1.0}
    tuned = functions.tune_optional(rate=one_of(0.5), hyperparameter_tuning_job_config=grid("loss"))
    assert tuned.o0 == "{'rate': 0.5}"


def test_a_name_may_be_a_hyperparameter_and_an_input(use_sagemaker: Any) -> None:
    tuned = functions.tune_same_name(
        hyperparameters={"depth": 1}, depth=one_of(7), hyperparameter_tuning_job_config=grid("loss")
    )
    assert tuned.o0 == [7, 7]


def test_the_functions_own_limit_is_the_default(use_sagemaker: Any) -> None:
    assert functions.own_limit() == 60
    assert functions.own_limit(stopping_condition={"max_runtime_in_seconds": 50}) == 50


@pytest.mark.parametrize("of", [str, FlyteFile])
def test_data_may_be_at_a_relative_path(
    use_sagemaker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/a.txt").write_text("content")
    folder = "data" if of is str else FlyteDirectory("data")
    assert functions.read_inputs(text=of("data/a.txt"), folder=folder) == ["content", "a.txt"]


def test_a_file_that_changed_is_not_taken_from_the_cache(
    use_sagemaker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTE_LOCAL_CACHE_ENABLED", "true")
    path = tmp_path / "table.txt"
    for content in ("one", "two, longer"):
        path.write_text(content)
        assert functions.read_cached(table=str(path)) == content


def test_variables_of_the_task_win_however_long_they_are(use_sagemaker: Any) -> None:
    assert functions.show_variables() == ["/home/" + "x" * 600, "mine"]


def test_a_channel_of_several_files_is_no_file(use_sagemaker: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    with pytest.raises(JobFailed, match="2 files': must be one file"):
        functions.from_file(table=str(tmp_path))


def test_a_function_that_leaves_has_failed(boto: Any) -> None:
    with pytest.raises(JobFailed, match="SystemExit: 0"):
        functions.fail(kind="leave")
    assert newest(boto)["FailureReason"].endswith("exit code: 1")


def test_a_job_that_is_stopped_has_not_failed(boto: Any, tmp_path: Path) -> None:
    def stop_when_it_runs() -> None:
        while not (names := [each.name for each in tmp_path.iterdir()]):
            time.sleep(0.02)
        boto.stop_training_job(TrainingJobName=names[0])

    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(stop_when_it_runs)
        with pytest.raises(JobFailed, match="stopped on request"):
            functions.descend(steps=5, rate=0.1, pause_at=2, signs=str(tmp_path), stopping_condition=SPOT_LIMITS)
        stopping.result()
    job = newest(boto)
    assert job["TrainingJobStatus"] == "Stopped"
    assert "FailureReason" not in job


SPOT_LIMITS = {"max_runtime_in_seconds": 600, "max_wait_time_in_seconds": 1200}


@pytest.mark.parametrize(
    ("task", "name", "chosen", "words"),
    [
        (functions.tune_floats, "rate", one_of("fast"), ["rate", "fast", "float"]),
        (functions.tune_dataclass, "rounds", {"continuous_parameter_range": {"min_value": 0, "max_value": 1}}, ["int"]),
    ],
)
def test_a_range_has_to_suit_the_type_of_the_hyperparameter(
    use_sagemaker: Any, task: Any, name: str, chosen: Any, words: list[str]
) -> None:
    given = functions.Settings() if task is functions.tune_dataclass else {"b": 2.0}
    with pytest.raises(JobNotCreated) as refused:
        task(hyperparameters=given, hyperparameter_tuning_job_config=search("loss"), **{name: chosen})
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(("name", "words"), [("typo", "is no hyperparameter"), ("sagemaker_x", "for the container")])
def test_a_range_has_to_reach_the_function(use_sagemaker: Any, name: str, words: str) -> None:
    more = {"hyperparameter_ranges": {"parameter_range_map": {name: one_of(1, 2)}}}
    with pytest.raises(JobNotCreated, match=words):
        functions.tune_dataclass(
            hyperparameters=functions.Settings(),
            rounds=one_of(1),
            hyperparameter_tuning_job_config={**grid("score"), **more},
        )


def test_an_objective_that_the_function_does_not_report_is_told_before_it_costs(use_sagemaker: Any) -> None:
    with pytest.raises(JobNotCreated) as refused:
        functions.tune_depth(depth=one_of(1, 2, 3, 4), hyperparameter_tuning_job_config=grid("los"))
    assert "'los'" in str(refused.value)
    assert "Did you mean 'loss'?" in str(refused.value)
