"""The generated code is what protoc makes of ``protos/`` now, and works under every protobuf that flytekit allows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GENERATED = ROOT / "flytekit_sagemaker" / "_generated"
PROTOC = ROOT / ".tools" / "protoc" / "bin" / "protoc"


def tool(path: Path) -> Path:
    assert path.exists(), f"{path.relative_to(ROOT)} is not installed: run `make setup`"
    return path


def test_the_generated_code_is_up_to_date(tmp_path: Path) -> None:
    protos = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "protos").glob("*.proto"))]
    arguments = ["-I", "flytekit_sagemaker/_generated=protos", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([tool(PROTOC), *arguments, *protos], cwd=ROOT, check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "flytekit_sagemaker" / "_generated").iterdir()}
    kept = {path.name: path.read_text() for path in GENERATED.glob("*_pb2.py*")}
    assert made == kept, "protos/ and flytekit_sagemaker/_generated differ: run `make protos`"


ROUND_TRIP = """
import google.protobuf
from google.protobuf import json_format

from flytekit_sagemaker._generated import hpo_job_pb2 as pb, parameter_ranges_pb2 as ranges
from flytekit_sagemaker.models.codec import from_wire, to_wire
from flytekit_sagemaker.testing import builders

job = pb.HyperparameterTuningJob(max_number_of_training_jobs=2**40, tunable_parameters=["eta"])
config = job.training_job.training_job_config
config.region = ""
config.tags["team"] = "pricing"
job.training_job.channels.add(name="train", shuffle_seed=0)
assert pb.HyperparameterTuningJob.FromString(job.SerializeToString()) == job
assert json_format.ParseDict(json_format.MessageToDict(job), pb.HyperparameterTuningJob()) == job
assert config.HasField("region") and not config.HasField("role_arn")
one_of = ranges.ParameterRangeOneOf()
one_of.integer_parameter_range.max_value = 9
assert one_of.WhichOneof("parameter_range_type") == "integer_parameter_range"

for model in (builders.tuning_job(), builders.tuning_config(), builders.stopping_condition()):
    assert from_wire(type(model), to_wire(model)) == model
print(google.protobuf.__version__)
"""


@pytest.mark.parametrize("major", [4, 5, 6, 7])
def test_the_generated_code_works_under_every_protobuf(major: int) -> None:
    folder = tool(ROOT / ".tools" / f"protobuf-{major}")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ROUND_TRIP, str(GENERATED.parent)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{major}.")
