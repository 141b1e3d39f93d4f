"""``map_task`` over functions that are training jobs: one job per element, here and in a cluster."""

from __future__ import annotations

import functools
import shlex
import signal
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import boto3
import pytest
from flyteidl.core import literals_pb2
from flytekit import map_task
from flytekit.configuration import FastSerializationSettings, ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import LiteralMap
from flytekit.tools.translator import get_serializable
from flytekit.types.directory import FlyteDirectory

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.container.command import Command
from flytekit_sagemaker.errors import InvalidInput, JobFailed, UserError
from flytekit_sagemaker.models.training_job import AlgorithmSpecification

from ..container.support import Tree
from ..local.support import eventually
from . import mapped

SETTINGS = SerializationSettings(
    ImageConfig.auto(img_name="123456789012.dkr.ecr.eu-west-1.amazonaws.com/train:1"), version="v1"
)


@pytest.fixture
def boto(use_sagemaker: Any) -> Any:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.client("sagemaker", region_name="us-east-1", endpoint_url=use_sagemaker.url, **keys)


def folders(root: Path, *texts: str) -> list[str]:
    made = []
    for number, text in enumerate(texts):
        folder = root / f"data-{number}"
        folder.mkdir()
        (folder / "data.txt").write_text(text)
        made.append(str(folder))
    return made


def jobs_of(boto: Any, task: str) -> list[dict[str, Any]]:
    listed = boto.list_training_jobs(NameContains=task.replace("_", "-"), MaxResults=100)["TrainingJobSummaries"]
    return [boto.describe_training_job(TrainingJobName=each["TrainingJobName"]) for each in listed]


def test_every_element_is_a_job_with_its_own_data(boto: Any, tmp_path: Path) -> None:
    seen = map_task(functools.partial(mapped.lines_of, factor=2))(train=folders(tmp_path, "a b", "c", "d"))

    assert [each["lines"] for each in seen] == [["a", "b"] * 2, ["c"] * 2, ["d"] * 2]
    assert {each["seconds"] for each in seen} == {86400}  # the default is that of every job
    assert {each["hosts"] for each in seen} == {1}
    assert all("/input/data/train" in each["folder"] for each in seen)
    channels = [job["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] for job in jobs_of(boto, "lines_of")]
    assert sorted(Path(uri.removeprefix("file://")).name for uri in channels) == ["data-0", "data-1", "data-2"]


def test_what_all_elements_share_may_be_given_in_the_call(boto: Any, tmp_path: Path) -> None:
    (seen,) = map_task(mapped.lines_of)(
        train=folders(tmp_path, "a"), factor=[1], stopping_condition={"max_runtime_in_seconds": 60}
    )
    assert seen["seconds"] == 60


def test_jobs_run_side_by_side(boto: Any, tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    together = map_task(functools.partial(mapped.meet, folder=str(tmp_path), others=names), concurrency=0)
    assert together(name=names) == names


def test_no_more_jobs_run_at_a_time_than_concurrency_says(boto: Any, tmp_path: Path) -> None:
    one_by_one = map_task(functools.partial(mapped.alone, folder=str(tmp_path)), concurrency=1)
    assert one_by_one(name=["a", "b", "c"]) == [True, True, True]


def test_an_output_may_have_a_name(boto: Any) -> None:
    assert map_task(mapped.named_root)(square=[4, 9]) == [2, 3]


def test_a_failure_says_which_element_it_was_and_why(boto: Any) -> None:
    with pytest.raises(JobFailed, match=r"(?s)Element 1 of 2: .*-4 has no root"):
        map_task(mapped.root)(square=[4, -4])


def test_a_failure_stops_the_other_jobs(boto: Any, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match="this one fails"):
        map_task(functools.partial(mapped.last_long, folder=str(tmp_path)), concurrency=0)(
            name=["long", "short"], fails=[False, True]
        )
    assert {job["TrainingJobStatus"] for job in jobs_of(boto, "last_long")} <= {"Failed", "Stopped", "Stopping"}


INTERRUPTED = """
import functools, sys
from flytekit import map_task
from tests.tasks import mapped

map_task(functools.partial(mapped.last_long, folder=sys.argv[1]), concurrency=2)(name=list("abc"), fails=[False] * 3)
"""


def test_ctrl_c_stops_the_jobs_that_run_and_begins_no_others(boto: Any, tmp_path: Path) -> None:
    before = {job["TrainingJobName"] for job in jobs_of(boto, "last_long")}
    program = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(tmp_path)], cwd=Path(__file__).parents[2])
    eventually(lambda: sorted(path.name for path in tmp_path.iterdir()), lambda found: found == ["a", "b"])
    program.send_signal(signal.SIGINT)
    assert program.wait(60) != 0
    jobs = [job for job in jobs_of(boto, "last_long") if job["TrainingJobName"] not in before]
    assert len(jobs) == 2
    assert {job["TrainingJobStatus"] for job in jobs} <= {"Stopped", "Stopping"}


def test_failures_that_are_allowed_leave_nothing_in_their_place(boto: Any) -> None:
    assert map_task(mapped.root, min_success_ratio=0.6)(square=[4, -4, 9]) == [2.0, None, 3.0]


def test_map_tasks_and_loops_run_in_workflows(boto: Any) -> None:
    assert mapped.roots() == [2.0, 3.0]
    assert mapped.dynamic_roots(squares=[16, 25]) == [4.0, 5.0]


def test_the_cache_knows_the_data_of_each_element(boto: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, log = folders(tmp_path, "a", "b"), str(tmp_path / "log")
    count = map_task(functools.partial(mapped.counted, log=log), concurrency=1)
    assert count(train=data) == [1, 2]
    assert count(train=data) == [1, 2]
    (Path(data[1]) / "data.txt").write_text("changed")
    assert count(train=data) == [1, 3]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"square": [1], "cube": [1]}, "cube = .* is not an input"),
        ({}, "square is required"),
        ({"square": [1], "stopping_condition": {"max_runtime_in_seconds": -1}}, "stopping_condition"),
    ],
)
def test_wrong_inputs_are_told_before_anything_runs(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        map_task(mapped.root)(**given)


def test_lists_of_different_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="factor = '1 elements': must have as many elements as the longest list, 2"):
        map_task(mapped.lines_of)(train=folders(tmp_path, "a", "b"), factor=[1])


def test_what_flytekit_cannot_map_is_sent_to_a_loop() -> None:
    algorithm = AlgorithmSpecification(algorithm_name="XGBOOST", algorithm_version="1.7-1")
    train = SdkSimpleTrainingJobTask(mapped.CONFIG, algorithm, name="train")
    for task in (train, SdkSimpleHPOJobTask(train, 2, 2, name="tune")):
        with pytest.raises(UserError, match=f"takes tasks with a function, and {task.name} has none. .*loop.*@dynamic"):
            map_task(task)
    with pytest.raises(UserError, match="two has 2 outputs.*dictionary.*@dynamic"):
        map_task(mapped.two)


def test_other_peoples_map_tasks_are_as_they_were() -> None:
    from flytekit import task

    @task
    def double(number: int) -> int:
        return 2 * number

    assert map_task(double)(number=[1, 2]) == [2, 4]


def test_the_template_is_one_that_flyte_gives_to_the_connector() -> None:
    (node,) = get_serializable(OrderedDict(), SETTINGS, mapped.roots).template.to_flyte_idl().nodes
    assert node.array_node.parallelism == 2
    assert [binding.var for binding in node.inputs] == ["square", "stopping_condition"]
    assert list(node.array_node.bound_inputs) == ["stopping_condition"]
    template = get_serializable(OrderedDict(), SETTINGS, map_task(mapped.root)).template
    assert (template.type, template.task_type_version) == ("sagemaker_custom_training_job_task", 0)
    assert template.container.args[0] == "pyflyte-map-execute"
    assert template.custom == mapped.root.get_custom(SETTINGS)


@pytest.mark.parametrize("fast", [False, True])
def test_a_job_runs_its_element(tmp_path: Path, fast: bool) -> None:
    """What Flyte starts for one element: arguments that name the lists of all, and the number of this one."""
    data = folders(tmp_path, "a", "b", "c")
    task = map_task(functools.partial(mapped.lines_of, factor=2))
    settings = SETTINGS
    if fast:
        import tarfile

        with tarfile.open(tmp_path / "code.tar.gz", "w:gz"):
            pass
        code = FastSerializationSettings(True, str(tmp_path), str(tmp_path / "code.tar.gz"))
        settings = SETTINGS.new_builder().with_fast_serialization_settings(code).build()
    arguments = get_serializable(OrderedDict(), settings, task).template.container.args
    context = FlyteContextManager.current_context()
    inputs = {
        "train": [FlyteDirectory(each) for each in data],
        "factor": 2,
        "stopping_condition": mapped.lines_of.inputs_of_every_job["stopping_condition"],
    }
    literals = TypeEngine.dict_to_literal_map(context, inputs, task.python_interface.inputs)
    (tmp_path / "inputs.pb").write_bytes(literals.to_flyte_idl().SerializeToString())
    places = {
        "{{.input}}": str(tmp_path / "inputs.pb"),
        "{{.outputPrefix}}": str(tmp_path / "outputs"),
        "{{.rawOutputDataPrefix}}": str(tmp_path / "raw"),
        "{{.checkpointOutputPrefix}}": str(tmp_path / "checkpoint"),
        "{{.prevCheckpointPrefix}}": "",
    }
    index = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": "1"}
    command = Command(tuple(places.get(each, each) for each in arguments), index)
    tree = Tree(tmp_path / "ml", channels={"train": {}})
    (tree.base / "input" / "data" / "train" / "data.txt").write_text("its own")

    done = tree.run(
        "import sys; from flytekit_sagemaker.container.entrypoint import main; sys.exit(main())",
        PYTHONPATH=shlex.quote(str(Path(__file__).parents[2])),
        **command.variables(),
    )

    assert done.returncode == 0, done.stderr
    document = literals_pb2.LiteralMap.FromString((tmp_path / "outputs" / "outputs.pb").read_bytes())
    outputs = LiteralMap.from_flyte_idl(document)
    seen = TypeEngine.literal_map_to_kwargs(context, outputs, {"o0": dict})["o0"]
    assert seen["lines"] == ["its", "own"] * 2
    assert seen["folder"] == str(tree.base / "input" / "data" / "train")
