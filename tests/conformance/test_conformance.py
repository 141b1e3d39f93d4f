"""The conformance suite on every SageMaker at hand: the local one, the simulated one, and what moto implements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.testing.clock import MovableClock
from flytekit_sagemaker.testing.conformance import (
    Backend,
    Capability,
    SageMakerConformance,
    training_request,
    tuning_request,
)
from flytekit_sagemaker.testing.quotas import Quotas
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker

from ..conftest import CsvData
from ..local.support import boto3_client

# What moto 5.2 does not do.
MOTO_LACKS = {
    Capability.PROGRESS: "moto's jobs are completed as soon as they are created",
    Capability.UNIQUE_TRAINING_JOB_NAMES: "moto overwrites a training job of the same name",
    Capability.NOT_FOUND: "moto has words of its own for a training job that does not exist",
    Capability.STOP: "moto has no StopTrainingJob and no StopHyperParameterTuningJob",
    Capability.FILTERS: "moto cuts pages before it filters, and gives no token for what is left",
    Capability.SORT: "moto ignores SortBy",
    Capability.TRIALS: "moto's tuning jobs have no trials",
    Capability.DEFINITIONS: "moto has one training job definition only",
    Capability.COMPLETION_CRITERIA: "moto has no completion criteria",
    Capability.VALIDATION: "moto checks neither patterns nor enumerations",
}


@pytest.fixture(scope="module")
def simulated() -> Iterator[Backend]:
    clock = MovableClock()
    with SimulatedServer(SimulatedSageMaker(clock, quotas=Quotas.unlimited())) as server:
        yield Backend(boto3_client(server.url), pass_time=lambda: clock.advance(20))


@pytest.fixture(scope="module")
def local(sagemaker: LocalSageMaker, csv_data: CsvData, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    output = tmp_path_factory.mktemp("output")

    def train(name: str, rounds: int = 2) -> dict[str, Any]:
        return _xgboost_request(name, csv_data, output, rounds)

    return Backend(
        boto3_client(sagemaker.url),
        train=train,
        train_long=lambda name: train(name, rounds=1_000_000),
        tune=lambda name: tuning_request(name, train(name), metric="validation:logloss"),
    )


@pytest.fixture(scope="module")
def moto() -> Iterator[Backend]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    url = f"http://{host}:{port}"
    yield Backend(boto3.client("sagemaker", "us-east-1", endpoint_url=url, **keys), lacks=MOTO_LACKS)
    server.stop()


@pytest.mark.xdist_group("simulated-conformance")
class TestSimulatedSageMaker(SageMakerConformance):
    @pytest.fixture
    def conformance(self, simulated: Backend) -> Backend:
        return simulated


@pytest.mark.xdist_group("local-conformance")
class TestLocalSageMaker(SageMakerConformance):
    @pytest.fixture
    def conformance(self, local: Backend) -> Backend:
        return local


@pytest.mark.xdist_group("moto-conformance")
class TestMoto(SageMakerConformance):
    @pytest.fixture
    def conformance(self, moto: Backend) -> Backend:
        return moto


def _xgboost_request(name: str, data: CsvData, output: Path, rounds: int) -> dict[str, Any]:
    channels = [
        {
            "ChannelName": channel,
            "ContentType": "text/csv",
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": folder.as_uri(),
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
        }
        for channel, folder in (("train", data.train), ("validation", data.validation))
    ]
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    return training_request(
        name,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        HyperParameters={"objective": "binary:logistic", "num_round": str(rounds)},
        InputDataConfig=channels,
        OutputDataConfig={"S3OutputPath": output.as_uri()},
    )
