"""The sample pipelines: compiled by the Kubeflow SDK, and run step by step against a local SageMaker."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

import boto3
import pytest

from flytekit_sagemaker.local.server import LocalSageMaker

from ..local.support import eventually

# Every step imports libraries of its own: on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(400)

SAMPLES = Path(__file__).parents[2] / "examples" / "kubeflow"
KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
TUNING = "sagemaker-hyperparameter-tuning"


@pytest.fixture(scope="module")
def kfp() -> Iterator[ModuleType]:
    """The Kubeflow SDK, with the samples importable as they are for it."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.syspath_prepend(SAMPLES)
        import kfp.compiler

        yield kfp


@pytest.fixture(scope="module")
def folder(kfp: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the samples' README makes before it runs anything: the data, its parameters, and two compiled pipelines."""
    import digits
    import digits_classification
    import kmeans_tuning

    root = tmp_path_factory.mktemp("samples")
    (root / "digits.json").write_text(json.dumps(digits.locations(digits.write(str(root / "data")))))
    for pipeline, name in (
        (kmeans_tuning.tune_kmeans, "kmeans_tuning"),
        (digits_classification.classify_digits, "digits_classification"),
    ):
        kfp.compiler.Compiler().compile(pipeline, str(root / f"{name}.yaml"))
    return root


def runner(folder: Path, pipeline: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SAMPLES / "run_steps.py"), f"{pipeline}.yaml", "--folder", pipeline, *arguments]
    environment = {**os.environ, **KEYS}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    printed, told = process.communicate()
    return process.returncode, printed, told


@pytest.fixture(scope="module")
def outputs(folder: Path, sagemaker: LocalSageMaker) -> dict[str, Any]:
    """The outputs of the steps of both pipelines, which run side by side."""
    common = ("--arguments", "digits.json", f"endpoint_url={sagemaker.url}")
    budgets = {
        "kmeans_tuning": ("max_num_jobs=1", "max_parallel_jobs=1"),
        "digits_classification": ("max_num_jobs=2", "max_parallel_jobs=2"),
    }
    running = {name: runner(folder, name, *common, *budget) for name, budget in budgets.items()}
    printed = {}
    for name, process in running.items():
        code, printed[name], told = ended(process)
        assert code == 0, told
    return {name: json.loads(each) for name, each in printed.items()}


@pytest.fixture(scope="module")
def client(sagemaker: LocalSageMaker) -> Any:
    keys = {name.lower(): value for name, value in KEYS.items()}
    return boto3.client("sagemaker", endpoint_url=sagemaker.url, region_name="us-east-1", **keys)


def model_of(url: str) -> set[str]:
    with tarfile.open(url.removeprefix("file://")) as archive:
        return set(archive.getnames())


def test_k_means_is_tuned_with_the_published_arguments(folder: Path, outputs: dict[str, Any], client: Any) -> None:
    (tuned,) = outputs["kmeans_tuning"].values()
    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuned["hpo_job_name"])
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    config, definition = job["HyperParameterTuningJobConfig"], job["TrainingJobDefinition"]
    assert config["Strategy"] == "Bayesian"
    assert config["TrainingJobEarlyStoppingType"] == "Off"
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "test:msd"}
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
    ranges = {each["Name"]: each for kind in config["ParameterRanges"].values() for each in kind}
    assert ranges.keys() == {"mini_batch_size", "extra_center_factor", "init_method"}
    assert (ranges["mini_batch_size"]["MinValue"], ranges["mini_batch_size"]["MaxValue"]) == ("500", "600")
    assert ranges["init_method"]["Values"] == ["kmeans++", "random"]
    assert definition["StaticHyperParameters"].items() >= {"k": "10", "feature_dim": "784"}.items()
    assert definition["EnableNetworkIsolation"] is True
    assert definition["ResourceConfig"].items() >= {"InstanceType": "ml.m5.2xlarge", "VolumeSizeInGB": 50}.items()
    given = json.loads((folder / "digits.json").read_text())
    assert [each["DataSource"] for each in definition["InputDataConfig"]] == [
        each["DataSource"] for each in given["channels"]
    ]
    assert not any("ContentType" in each for each in definition["InputDataConfig"])

    assert job["BestTrainingJob"]["TrainingJobName"] == tuned["best_job_name"]
    best = client.describe_training_job(TrainingJobName=tuned["best_job_name"])
    assert best["HyperParameters"].items() >= tuned["best_hyperparameters"].items()
    assert 500 <= int(tuned["best_hyperparameters"]["mini_batch_size"]) <= 600
    assert best["ModelArtifacts"]["S3ModelArtifacts"] == tuned["model_artifact_url"]
    assert best["AlgorithmSpecification"]["TrainingImage"] == tuned["training_image"]
    assert "model_algo-1" in model_of(tuned["model_artifact_url"])


def test_a_step_is_its_command_line_and_its_output_files(folder: Path, outputs: dict[str, Any]) -> None:
    step = folder / "kmeans_tuning" / TUNING
    command = json.loads((step / "command.json").read_text())
    assert command[:3] == ["python", "-m", "flytekit_sagemaker.kubeflow.hyperparameter_tuning"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options["--algorithm_name"] == "K-Means"
    assert options["--volume_size"] == "50"
    assert options["--network_isolation"] == "true"
    assert json.loads(options["--static_parameters"]) == {"k": "10", "feature_dim": "784"}
    written = {name: Path(options[f"--{name}_output_path"]).read_text() for name in outputs["kmeans_tuning"][TUNING]}
    written["best_hyperparameters"] = json.loads(written["best_hyperparameters"])
    assert written == outputs["kmeans_tuning"][TUNING]


def test_what_the_tuning_step_found_the_training_step_uses(outputs: dict[str, Any], client: Any) -> None:
    steps = outputs["digits_classification"]
    assert list(steps) == [TUNING, "train", "name-clusters"]
    job = client.describe_training_job(TrainingJobName=steps["train"]["training_job_name"])
    assert job["TrainingJobStatus"] == "Completed"
    assert job["HyperParameters"] == steps[TUNING]["best_hyperparameters"]
    assert job["AlgorithmSpecification"]["TrainingImage"] == steps[TUNING]["training_image"]
    assert steps["train"]["model_artifact_url"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    assert "model_algo-1" in model_of(steps["train"]["model_artifact_url"])
    assert 0.6 < steps["name-clusters"]["Output"] <= 1


# What a step says, it also hands on.
ECHO = """
name: echo
inputs:
- {name: many, type: JsonArray}
- {name: number, type: Float}
- {name: flag, type: Bool}
- {name: text, type: String}
- {name: absent, type: String, optional: true}
- {name: usual, type: String, optional: true, default: as ever}
outputs:
- {name: said, type: JsonArray}
implementation:
  container:
    image: python:3.12
    command: [python3, -c, "import sys, json; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))", {outputPath: said}]
    args:
    - {inputValue: many}
    - {inputValue: number}
    - {inputValue: flag}
    - {concat: [--text=, {inputValue: text}]}
    - {inputValue: usual}
    - {if: {cond: {isPresent: absent}, then: [--absent, {inputValue: absent}], else: [--no-absent]}}
"""
SHELL = """
name: shell
inputs:
- {name: script, type: String}
implementation:
  container:
    image: debian
    command: [sh, -c, {inputValue: script}]
"""
MUMBLE = """
name: mumble
outputs:
- {name: said, type: JsonArray}
implementation:
  container:
    image: debian
    command: [sh, -c, 'printf hm > "$0"', {outputPath: said}]
"""


@pytest.fixture(scope="module")
def forms(kfp: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline that has all that a command line can have, one of shell scripts, and one too many."""
    from kfp import components, dsl

    echo, shell, mumble = (components.load_component_from_text(text) for text in (ECHO, SHELL, MUMBLE))

    @dsl.pipeline(name="all-forms")
    def all_forms(who: str, many: list = [{"a": 1}], flag: bool = True, none: Optional[str] = None):  # noqa: B006, UP045
        first = echo(many=many, number=2.0, flag=flag, text=f"{who} there", usual=none)
        echo(many=first.outputs["said"], number=0.5, flag=False, text=who, absent="here")

    @dsl.pipeline(name="scripts")
    def scripts(script: str):
        shell(script="true").after(shell(script=script))

    @dsl.pipeline(name="condition")
    def condition(script: str):
        with dsl.If(script == "true"):
            shell(script=script)

    @dsl.pipeline(name="at-aws")
    def at_aws(data: str, endpoint_url: str = ""):
        shell(script="true").after(shell(script=f"exit 1 # {data} {endpoint_url}"))

    @dsl.pipeline(name="kinds")
    def kinds(table: dict[str, int], count: int = 1, share: float = 0.5):
        shell(script=f"echo {count} {table} {share}")

    @dsl.pipeline(name="silent")
    def silent():
        mumble()

    root = tmp_path_factory.mktemp("forms")
    for pipeline in (all_forms, scripts, condition, at_aws, kinds, silent):
        kfp.compiler.Compiler().compile(pipeline, str(root / f"{pipeline.name}.yaml"))
    return root


def test_placeholders_of_every_form_are_filled_in(forms: Path) -> None:
    code, printed, told = ended(runner(forms, "all-forms", "who=you", "flag=False"))
    assert code == 0, told
    first, second = (step["said"] for step in json.loads(printed).values())
    assert first == ['[{"a": 1}]', "2", "false", "--text=you there", "as ever", "--no-absent"]
    assert second == [json.dumps(first), "0.5", "false", "--text=you", "as ever", "--absent", "here"]


@pytest.mark.parametrize(
    ("pipeline", "arguments", "said"),
    [
        ("all-forms", ["many=[]"], "no value for who"),
        ("all-forms", ["who=you", "many={}"], "many = '{}' must be a JSON array"),
        ("all-forms", ["who=you", "many=[1,]"], "many = '[1,]' must be a JSON array ("),
        ("all-forms", ["who=you", "many"], "'many' is not NAME=VALUE"),
        ("kinds", ["count=1.5"], "count = '1.5' must be a whole number"),
        ("kinds", ["count=true"], "count = 'true' must be a whole number"),
        ("kinds", ["table={"], "table = '{' must be a JSON object (Expecting property name"),
        ("kinds", ["share=half"], "share = 'half' must be a number"),
        (
            "all-forms",
            ["who=you", "flga=true"],
            "no parameters of this pipeline: flga; it has flag, many, none, who. Did you mean flag?",
        ),
        ("all-forms", ["who=you", "flag=perhaps"], "flag = 'perhaps' must be True or False"),
        ("nowhere", [], "the pipeline nowhere.yaml cannot be read: No such file or directory"),
        ("scripts", ["--arguments", "nowhere.json"], "the arguments nowhere.json cannot be read: No such file"),
        ("scripts", ["--arguments", "scripts.yaml"], "the arguments scripts.yaml are not JSON"),
        ("scripts", ["script=exit 7"], "shell-2 ended with exit code 7"),
        ("at-aws", ["data=file:///digits"], "endpoint_url=http://127.0.0.1:8642"),
        ("silent", [], "what mumble wrote for its output said must be a JSON array"),
        ("condition", ["script=true"], "condition-1 is a condition, a loop or a pipeline of its own"),
    ],
)
def test_what_cannot_go_on_is_told_in_a_sentence(forms: Path, pipeline: str, arguments: list[str], said: str) -> None:
    code, printed, told = ended(runner(forms, pipeline, *arguments))
    assert (code, printed) == (1, "")
    assert said in told.splitlines()[-1]
    assert "== shell\n" not in told, "no step runs after one that failed"


def test_without_a_pipeline_the_usage_asks_for_that_alone(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(SAMPLES / "run_steps.py")], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr.splitlines()[-1].endswith("the following arguments are required: pipeline")


def test_digits_that_cannot_be_written_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    unreachable = {**os.environ, **KEYS, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    for destination in ("s3://bucket/digits", "file/digits", "ftpp://somewhere"):
        done = subprocess.run(
            [sys.executable, str(SAMPLES / "digits.py"), destination],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=unreachable,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"digits.py: cannot write to {destination}: "), done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_step_gets_sigterm(forms: Path, number: signal.Signals) -> None:
    for left in ("begun", "stopped"):
        (forms / left).unlink(missing_ok=True)
    script = f"trap 'touch {forms}/stopped; exit 0' TERM; touch {forms}/begun; while :; do sleep 0.05; done"
    process = runner(forms, "scripts", f"script={script}")
    eventually((forms / "begun").exists, bool)
    process.send_signal(number)
    code, _, told = ended(process)
    assert code == 130
    assert told.splitlines()[-1].startswith("run_steps: interrupted")
    assert "Traceback" not in told
    assert (forms / "stopped").exists(), told
    assert "== shell\n" not in told
