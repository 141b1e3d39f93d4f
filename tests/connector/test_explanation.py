"""What a person reads when a job ended badly: real failures of a SageMaker that trains, read through its own API."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.explanation import MAX_BYTES, Explanation, explain
from flytekit_sagemaker.connector.log_tail import LINE_LENGTH, LINES, log_tail
from flytekit_sagemaker.container.failure import failure_text
from flytekit_sagemaker.container.programs import Ended
from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.status import Move

from ..local.support import IMAGE, TRIAL, Jobs, eventually

LINKS = {"SageMaker job": "https://console.example/job", "CloudWatch logs": "https://console.example/logs"}
SECRET = "open-sesame-42"
# Nothing listens on the discard port.
NOWHERE = Endpoint("us-east-1", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSageMaker]:
    script = tmp_path_factory.mktemp("image") / "trial.py"
    script.write_text(TRIAL)
    command = [sys.executable, "-uS", str(script)]
    with LocalSageMaker(tmp_path_factory.mktemp("root"), images={IMAGE: command}) as running:
        yield running


@pytest.fixture
def jobs(server: LocalSageMaker, tmp_path: Path) -> Jobs:
    return Jobs(server, tmp_path)


@pytest.fixture
def endpoint(server: LocalSageMaker) -> Endpoint:
    return Endpoint("us-east-1", server.url)


def script(jobs: Jobs, *lines: str) -> dict[str, Any]:
    """An image that runs these lines of a shell script."""
    file = jobs.folder / "train.sh"
    file.write_text("\n".join(lines))
    return {"TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": ["sh", str(file)]}


def of_training(endpoint: Endpoint, description: dict[str, Any]) -> Explanation:
    return explain(endpoint, "training", description, LINKS)


def description(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "job",
        "TrainingJobStatus": "Failed",
        "SecondaryStatus": "Failed",
        "RoleArn": "arn:aws:iam::111122223333:role/job",
        "AlgorithmSpecification": {"TrainingImage": "ecr/mine:1", "TrainingInputMode": "File"},
        "ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        "EnableManagedSpotTraining": True,
        **changes,
    }


def test_a_failed_training_job_tells_reason_log_and_links_but_no_secret(jobs: Jobs, endpoint: Endpoint) -> None:
    fails = script(
        jobs,
        r'printf "\033[1mconnecting as $SM_HP_DB_PASSWORD with $HF_TOKEN\033[0m\n"',
        "echo 'Traceback (most recent call last):'",
        'echo "ValueError: $SM_HP_DB_PASSWORD was refused"',
        "exit 3",
    )
    secrets = {"db_password": SECRET, "eta": "0.25"}
    jobs.train("refused", secrets, AlgorithmSpecification=fails, Environment={"HF_TOKEN": "alohomora-9"})
    found = of_training(endpoint, jobs.ended("refused"))
    assert found.message.splitlines() == [
        "training job refused failed: AlgorithmError: ValueError: *** was refused, exit code: 3",
        "last lines of the log of algo-1:",
        "    connecting as *** with ***",
        "    Traceback (most recent call last):",
        "    ValueError: *** was refused",
        "SageMaker job: https://console.example/job",
        "CloudWatch logs: https://console.example/logs",
    ]
    assert found.move is Move.USER
    assert found.log_tail[0] == "connecting as *** with ***"


def test_a_failure_file_that_the_log_does_not_have_is_shown_in_full(jobs: Jobs, endpoint: Endpoint) -> None:
    failure = r'printf "Traceback:\n  in train\nKeyError: column age\n" > $SAGEMAKER_BASE_DIR/output/failure'
    jobs.train("filed", AlgorithmSpecification=script(jobs, "echo epoch 1", failure, "exit 1"))
    message = of_training(endpoint, jobs.ended("filed")).message
    assert message.startswith("training job filed failed: AlgorithmError: KeyError: column age, exit code: 1\n")
    assert "      in train\n" in message
    assert "    epoch 1\n" in message


@pytest.mark.parametrize("culprit", ["algo-1", "algo-2", "algo-3"])
def test_the_log_is_that_of_the_host_that_failed(jobs: Jobs, endpoint: Endpoint, culprit: str) -> None:
    name = f"hosts-{culprit}"
    one_fails = script(
        jobs,
        'echo "this is $SM_CURRENT_HOST"',
        f'[ "$SM_CURRENT_HOST" = {culprit} ] && {{ echo "OSError: disk of $SM_CURRENT_HOST is full"; exit 5; }}',
        "exec sleep 600",
    )
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 3, "VolumeSizeInGB": 1}
    jobs.train(name, AlgorithmSpecification=one_fails, ResourceConfig=resources)
    found = of_training(endpoint, jobs.ended(name))
    assert f"last lines of the log of {culprit}:" in found.message
    assert found.log_tail == (f"this is {culprit}", f"OSError: disk of {culprit} is full")


def test_without_a_hint_in_the_reason_the_log_with_an_error_is_shown(jobs: Jobs, endpoint: Endpoint) -> None:
    looks_bad = script(jobs, '[ "$SM_CURRENT_HOST" = algo-2 ] && echo "RuntimeError: boom" || echo fine')
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 3, "VolumeSizeInGB": 1}
    jobs.train("no-hint", AlgorithmSpecification=looks_bad, ResourceConfig=resources)
    jobs.ended("no-hint")
    assert log_tail(endpoint, "no-hint").lines == ("RuntimeError: boom",)
    assert log_tail(endpoint, "no-hint", reason="algo-3 was lost").lines == ("fine",)
    assert log_tail(endpoint, "no-hint", reason="algo-77 was lost").lines == ("RuntimeError: boom",)


def test_a_tail_is_short_printable_and_narrow(jobs: Jobs, endpoint: Endpoint) -> None:
    noisy = script(
        jobs,
        "for n in $(seq 200); do echo; echo line $n; done",
        r'printf "\033]0;title\007\033[31mred\033[0m\a and \302\233blue\n"',
        r"printf '10%%\r55%%\r100%%\n'",
        "head -c 3000 /dev/zero | tr '\\0' x; echo",
        "exit 1",
    )
    jobs.train("noisy", AlgorithmSpecification=noisy)
    lines = of_training(endpoint, jobs.ended("noisy")).log_tail
    assert len(lines) == LINES
    assert lines[-5:-1] == ("red  and  blue", "10%", "55%", "100%")
    assert lines[-1] == "x" * (LINE_LENGTH - 1) + "…"
    assert all(line.isprintable() for line in lines)


def test_a_message_is_bounded_and_loses_the_middle_of_its_log(jobs: Jobs, endpoint: Endpoint) -> None:
    jobs.train("wide", AlgorithmSpecification=script(jobs, f"for n in $(seq 20); do echo $n {'é' * 300}; done; exit 1"))
    message = of_training(endpoint, jobs.ended("wide")).message
    assert len(message.encode()) <= MAX_BYTES
    assert "lines are left out here" in message
    assert "    1 é" in message
    assert "    20 é" in message
    assert message.endswith("CloudWatch logs: https://console.example/logs")


def test_a_job_without_a_log_says_so(jobs: Jobs, endpoint: Endpoint) -> None:
    failed = description(TrainingJobName="never", FailureReason="ClientError: no such image")
    message = of_training(endpoint, failed).message
    assert message.startswith("training job never failed: ClientError: no such image\n")
    assert "there is no log" in message


def test_a_log_that_cannot_be_read_costs_only_the_log() -> None:
    found = of_training(NOWHERE, description(FailureReason="AlgorithmError: boom, exit code: 1"))
    first, note, *links = found.message.splitlines()
    assert first == "training job job failed: AlgorithmError: boom, exit code: 1"
    assert note.startswith("the log could not be read: describe_log_streams was not sent")
    assert links == [f"{title}: {url}" for title, url in LINKS.items()]
    assert found.log_tail == ()


def test_a_job_that_reached_its_runtime_says_which_and_what_to_do(jobs: Jobs, endpoint: Endpoint) -> None:
    limit = {"MaxRuntimeInSeconds": 1}
    jobs.train("slow", {"print": "working", "wait_for": str(jobs.folder / "never")}, StoppingCondition=limit)
    found = of_training(endpoint, jobs.ended("slow"))
    first, *rest = found.message.splitlines()
    assert first == "training job slow was stopped because it reached max_runtime_in_seconds = 1"
    assert "stopping_condition" in rest[0]
    assert f"is at file://{jobs.output}/slow/output/model.tar.gz" in found.message
    assert "    working" in rest


def test_a_job_that_was_stopped_says_that_no_limit_did_it(jobs: Jobs, endpoint: Endpoint) -> None:
    jobs.train("halted", {"print": "working", "wait_for": str(jobs.folder / "never")})
    eventually(lambda: log_tail(endpoint, "halted").lines, bool)
    jobs.client.stop_training_job(TrainingJobName="halted")
    found = of_training(endpoint, jobs.ended("halted"))
    assert "was stopped on request" in found.message.splitlines()[0]
    assert "its execution was aborted" in found.message
    assert "somebody in AWS" in found.message
    assert f"is at file://{jobs.output}/halted/output/model.tar.gz" in found.message
    assert found.move is Move.USER


TOLD: list[tuple[dict[str, Any], Move, list[str]]] = [
    (
        {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxWaitTimeExceeded"},
        Move.NOBODY,
        ["max_wait_time_in_seconds = 7200", "stopping_condition", "enable_managed_spot_training"],
    ),
    (
        {"FailureReason": "CapacityError: Unable to provision requested ML compute capacity."},
        Move.NOBODY,
        ["failed: CapacityError: Unable to provision", "2 × ml.p4d.24xlarge in us-east-1", "another instance type"],
    ),
    (
        {"FailureReason": "InternalServerError: We encountered an internal error."},
        Move.NOBODY,
        ["side of SageMaker", "max_retry_attempts"],
    ),
    (
        {
            "FailureReason": "InternalServerError: gone",
            "SecondaryStatusTransitions": [{"Status": "Interrupted"}, {"Status": "Starting"}] * 2,
        },
        Move.NOBODY,
        ["spot instances were reclaimed by AWS 2 times", "checkpoint_s3_uri"],
    ),
    (
        {
            "FailureReason": 'ClientError: failed to start: exec: "flytekit-sagemaker": executable file not found in '
            "$PATH: unknown, exit code: 127",
        },
        Move.USER,
        ["The image ecr/mine:1 has no flytekit-sagemaker", "sagemaker_image()"],
    ),
    (
        {"FailureReason": "AlgorithmError: ModuleNotFoundError: No module named 'flytekit_sagemaker', exit code: 1"},
        Move.USER,
        ["has no flytekit-sagemaker"],
    ),
    (
        {"FailureReason": 'ClientError: exec: "train": executable file not found in $PATH, exit code: 127'},
        Move.USER,
        ["ecr/mine:1 has no command train", 'ENTRYPOINT ["flytekit-sagemaker"]'],
    ),
    ({"FailureReason": "AlgorithmError: , exit code: 127"}, Move.USER, ["has no command train"]),
    (
        {"FailureReason": "AlgorithmError: ModuleNotFoundError: No module named 'churn.model', exit code: 1"},
        Move.USER,
        ["does not find the module churn.model", "packages of the image", "pyflyte run --remote"],
    ),
    (
        {"FailureReason": "AlgorithmError: Exit Code: 1, exit code: 137"},
        Move.USER,
        [
            "failed: AlgorithmError: Exit Code: 1, exit code: 137\n",
            "ran out of memory",
            "more than 2 × ml.p4d.24xlarge has",
        ],
    ),
    (
        {"FailureReason": "ClientError: Please use an instance type with more memory, or reduce the size of data."},
        Move.USER,
        ["let the training hold less"],
    ),
    (
        {"FailureReason": "AlgorithmError: PermissionError: [Errno 13] Permission denied: '/opt/ml/model/m.json'"},
        Move.USER,
        ["mounts /opt/ml for root", "USER root"],
    ),
    (
        {"FailureReason": "AlgorithmError: OSError: [Errno 28] No space left on device, exit code: 1"},
        Move.USER,
        ["volume_size_in_gb"],
    ),
    (
        {"FailureReason": "AlgorithmError: ClientError: An error occurred (AccessDenied) when calling the PutObject"},
        Move.USER,
        ["role arn:aws:iam::111122223333:role/job may not", "deploy/iam/job-policy.json"],
    ),
    ({}, Move.USER, ["training job job ended: Failed"]),
    ({"TrainingJobStatus": "Deleting", "SecondaryStatus": ""}, Move.USER, ["training job job ended: Deleting"]),
    ({"FailureReason": "\x1b[2J\u202egnp"}, Move.USER, ["failed: [2J gnp"]),
]


@pytest.mark.parametrize(("changes", "move", "phrases"), TOLD)
def test_the_platforms_own_reasons_come_with_what_can_be_done(
    changes: dict[str, Any], move: Move, phrases: list[str]
) -> None:
    found = of_training(NOWHERE, description(**changes))
    assert found.move is move
    assert all(phrase in found.message for phrase in phrases), found.message
    assert found.message.replace("\n", "").isprintable()


def test_what_can_be_done_is_found_in_the_log_where_the_reason_says_nothing(jobs: Jobs, endpoint: Endpoint) -> None:
    missing = script(jobs, "python3 -c 'import no_such_module_of_mine'")
    jobs.train("lost", AlgorithmSpecification=missing)
    told = {**jobs.ended("lost"), "FailureReason": "AlgorithmError: , exit code: 1"}
    assert "does not find the module no_such_module_of_mine" in of_training(endpoint, told).message


def test_what_a_job_survived_is_no_advice(jobs: Jobs, endpoint: Endpoint) -> None:
    survived = script(jobs, "python3 -c 'import wandb_of_mine'", "echo 'ValueError: too few rows'", "exit 1")
    jobs.train("survived", AlgorithmSpecification=survived)
    for reason in ("AlgorithmError: , exit code: 1", "AlgorithmError: ValueError: too few rows, exit code: 1"):
        message = of_training(endpoint, {**jobs.ended("survived"), "FailureReason": reason}).message
        assert "wandb_of_mine" in message
        assert "does not find the module" not in message


def test_a_job_that_is_killed_is_told_to_have_more_memory(jobs: Jobs, endpoint: Endpoint) -> None:
    jobs.train("killed", AlgorithmSpecification=script(jobs, "kill -9 $$"))
    message = of_training(endpoint, jobs.ended("killed")).message
    assert message.startswith("training job killed failed: AlgorithmError: Exit Code: 137\n")
    assert "more than 1 × ml.m5.large has" in message


def test_a_program_that_is_not_in_the_image_is_told_with_what_to_do(jobs: Jobs, endpoint: Endpoint) -> None:
    program = "flytekit-sagemaker"
    jobs.train("empty", AlgorithmSpecification=script(jobs, "PATH=/nowhere", f"exec {program} train"))
    assert f"has no {program}, which runs the function" in of_training(endpoint, jobs.ended("empty")).message


def test_an_exception_that_comes_before_its_traceback_is_the_headline(jobs: Jobs, endpoint: Endpoint) -> None:
    lines = [
        "KeyError: 'age'",
        "Traceback (most recent call last):",
        '  File "m.py", line 3, in fit',
        "    raise XError(1)",
    ]
    failure = "".join(f"{line}\n" for line in lines)
    message = of_training(endpoint, description(FailureReason=f"AlgorithmError: {failure}, exit code: 1")).message
    assert message.startswith("training job job failed: AlgorithmError: KeyError: 'age', exit code: 1\n")
    assert "    raise XError(1)" in message


def without_message() -> None:
    raise {"memory": MemoryError, "input": EOFError}["memory"]


def with_cause() -> None:
    try:
        [].pop()
    except IndexError as error:
        raise ValueError("no such column") from error


def of_a_class_of_the_users() -> None:
    class TooFewRows(Exception): ...

    raise TooFewRows("17 of 100")


def with_another_in_its_frames() -> None:
    raise {MemoryError: KeyError}[MemoryError]("age")


@pytest.mark.parametrize(
    ("fail", "said", "told"),
    [
        (without_message, "MemoryError", "The job ran out of memory"),
        (with_cause, "ValueError: no such column", "caused by IndexError: pop from empty list (File "),
        (of_a_class_of_the_users, "TooFewRows: 17 of 100", "in of_a_class_of_the_users"),
        (with_another_in_its_frames, "KeyError: 'age'", "raise {MemoryError: KeyError}"),
    ],
)
def test_the_exception_of_a_function_is_the_headline(
    endpoint: Endpoint, fail: Callable[[], None], said: str, told: str
) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        fail()
    reason = f"AlgorithmError: {failure_text(raised.value)}, exit code: 1"
    message = of_training(endpoint, description(FailureReason=reason)).message
    assert message.startswith(f"training job job failed: AlgorithmError: {said}, exit code: 1\n")
    assert told in message
    assert ("ran out of memory" in message) == (fail is without_message)


def test_a_cause_without_any_frame_is_not_the_headline(endpoint: Endpoint) -> None:
    error = UserError("the model cannot be written")
    error.__cause__ = FileExistsError("/opt/ml/model")
    reason = f"AlgorithmError: {failure_text(error)}, exit code: 1"
    message = of_training(endpoint, description(FailureReason=reason)).message
    assert message.startswith("training job job failed: AlgorithmError: UserError: the model cannot be written, exit")
    assert "    caused by FileExistsError: /opt/ml/model" in message


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (["reads a.csv", "  warning: 3 rows", "a.csv: out of range"], "a.csv: out of range"),
        (
            ["Traceback (most recent call last):", '  File "t.py"', "    raise XError(1)", "Stop: now", "bye"],
            "Stop: now",
        ),
        (
            [*["Traceback (most recent call last):"], *['    XError("x" * 99)'] * 50, "KeyError: 'age'"],
            "KeyError: 'age'",
        ),
    ],
)
def test_the_last_words_of_a_program_are_the_headline(endpoint: Endpoint, errors: list[str], said: str) -> None:
    reason = f"AlgorithmError: {Ended('train.py', 1, errors).reason}, exit code: 1"
    message = of_training(endpoint, description(FailureReason=reason)).message
    assert message.startswith(f"training job job failed: AlgorithmError: {said}, exit code: 1\n")
    assert errors[-2 if errors[-1] == said else 2].strip() in message


def test_a_tuning_job_tells_the_most_common_failure_with_an_example(jobs: Jobs, endpoint: Endpoint) -> None:
    static = {"print": f"ValueError: 17 rows of {SECRET}", "exit": "1", "api_key": SECRET}
    jobs.tune("doomed", static=static, jobs=6)
    job = jobs.tuning_ended("doomed")
    found = explain(endpoint, "tuning", job, LINKS)
    failed = job["TrainingJobStatusCounters"]["NonRetryableError"]
    first, counts, common, *rest = found.message.splitlines()
    assert first.startswith("tuning job doomed failed: No training job succeeded after 5 attempts.")
    assert counts == f"trials: 0 completed, {failed} failed, 0 stopped"
    assert common.startswith(f"most common failure ({failed} of {failed} failed trials), here of doomed-")
    assert common.endswith("AlgorithmError: ValueError: 17 rows of ***, exit code: 1")
    assert "    ValueError: 17 rows of ***" in rest
    assert rest[-2:] == [f"{title}: {url}" for title, url in LINKS.items()]
    assert SECRET not in found.message
    assert found.move is Move.USER


def test_failures_that_differ_in_numbers_and_places_are_of_one_kind(jobs: Jobs, endpoint: Endpoint) -> None:
    values = [{"Name": "print", "Values": [f"OSError: /tmp/{n}/{n * 7919:x} lost {n} blocks" for n in range(1, 6)]}]
    odd = {"Name": "exit", "Values": ["1"]}
    jobs.tune(
        "alike",
        {"CategoricalParameterRanges": [*values, odd]},
        {"fail_host": "algo-1"},
        strategy="Grid",
        jobs=5,
    )
    found = explain(endpoint, "tuning", jobs.tuning_ended("alike"), LINKS)
    assert "most common failure (5 of 5 failed trials)" in found.message


def test_trials_without_the_objective_metric_show_a_log_of_one_of_them(jobs: Jobs, endpoint: Endpoint) -> None:
    jobs.tune("silent", static={"silent": "yes", "print": "accuracy 0.9"}, jobs=5, parallel=2)
    found = explain(endpoint, "tuning", jobs.tuning_ended("silent"), LINKS)
    assert "No objective metrics found after running 5 training jobs" in found.message
    assert "trials: 5 completed, 0 failed, 0 stopped" in found.message
    assert "ended without the objective metric" in found.message
    assert "    accuracy 0.9" in found.message


def test_a_tuning_job_whose_trials_cannot_be_listed_says_what_it_knows() -> None:
    job = {
        "HyperParameterTuningJobName": "lost",
        "HyperParameterTuningJobStatus": "Failed",
        "FailureReason": "No training job succeeded.\nFirst: password=hunter2-xyz",
        "TrainingJobStatusCounters": {"Completed": 1, "RetryableError": 1, "NonRetryableError": 2},
    }
    found = explain(NOWHERE, "tuning", job, LINKS)
    first, counts, rest, note, *links = found.message.splitlines()
    assert first == "tuning job lost failed: No training job succeeded."
    assert counts == "trials: 1 completed, 3 failed, 0 stopped"
    assert rest == "First: password=***"
    assert note.startswith("its trials could not be listed: ")
    assert len(links) == 2


@pytest.mark.parametrize(("seconds", "phrase"), [(599, "on request"), (600, "max_runtime_in_seconds = 600")])
def test_a_stopped_tuning_job_says_whether_its_time_was_up(seconds: int, phrase: str) -> None:
    created = datetime(2026, 1, 1, tzinfo=timezone.utc)
    job = {
        "HyperParameterTuningJobName": "halted",
        "HyperParameterTuningJobStatus": "Stopped",
        "HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxRuntimeInSeconds": 600}},
        "CreationTime": created,
        "HyperParameterTuningEndTime": created + timedelta(seconds=seconds),
    }
    assert phrase in explain(NOWHERE, "tuning", job, {}).message.splitlines()[0]


@pytest.mark.parametrize("kind", ["training", "tuning", "baking"])
@pytest.mark.parametrize("nonsense", [{}, {"TrainingJobName": None}, {"Environment": 3}, {"FailureReason": 7}])
def test_nothing_keeps_the_end_of_a_job_from_being_told(kind: str, nonsense: dict[str, Any]) -> None:
    message = explain(NOWHERE, kind, nonsense, LINKS).message
    assert message.startswith(f"{kind} job ")
    assert message.endswith("CloudWatch logs: https://console.example/logs")
