"""Tell handwritten digits apart with K-Means: tune, train with the best hyperparameters, look at the clusters.

    kfp dsl compile --py digits_classification.py --output digits_classification.yaml

See README.md for the data and the role.
"""

# ruff: noqa: B006

from importlib.resources import files
from typing import NamedTuple

from digits import locations
from kfp import components, dsl

tune = components.load_component_from_file(str(files("flytekit_sagemaker.kubeflow") / "component.yaml"))

# Of deploy/Dockerfile; a run on your own machine needs none.
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/flytekit-sagemaker-connector:0.1.0"
LOCATIONS = locations("s3://my-bucket/digits")


@dsl.component(base_image="python:3.12", packages_to_install=["boto3"])
def train(
    region: str,
    endpoint_url: str,
    role: str,
    training_image: str,
    hyperparameters: dict,
    channels: list,
    output_location: str,
    instance_type: str,
    volume_size: int,
    max_run_time: int,
) -> NamedTuple("Trained", [("training_job_name", str), ("model_artifact_url", str)]):
    """Run one training job and wait for its model."""
    import time
    import uuid
    from collections import namedtuple

    import boto3

    sagemaker = boto3.client("sagemaker", region_name=region, endpoint_url=endpoint_url or None)
    name = f"digits-{time.strftime('%Y%m%d%H%M%S')}-{uuid.uuid4().hex[:8]}"
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=role,
        AlgorithmSpecification={"TrainingImage": training_image, "TrainingInputMode": "File"},
        HyperParameters=hyperparameters,
        InputDataConfig=channels,
        OutputDataConfig={"S3OutputPath": output_location},
        ResourceConfig={"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": volume_size},
        StoppingCondition={"MaxRuntimeInSeconds": max_run_time},
    )
    pause = 0.5
    while True:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        print(name, job["SecondaryStatus"], flush=True)
        if job["TrainingJobStatus"] not in ("InProgress", "Stopping"):
            break
        time.sleep(pause)
        pause = min(1.5 * pause, 30)
    if job["TrainingJobStatus"] != "Completed":
        raise RuntimeError(f"{name}: {job['SecondaryStatus']}. {job.get('FailureReason', '')}")
    trained = namedtuple("Trained", "training_job_name model_artifact_url")
    return trained(name, job["ModelArtifacts"]["S3ModelArtifacts"])


@dsl.component(base_image="python:3.12", packages_to_install=["flytekit-sagemaker", "numpy"])
def name_clusters(model_artifact_url: str, channels: list) -> float:
    """Name each cluster after the digit that most of its training images show.

    Returns:
        the share of the test images that lie in a cluster of their own name.
    """
    import io
    import tarfile
    import tempfile
    from pathlib import Path

    import fsspec
    import numpy as np

    from flytekit_sagemaker.recordio import read_records

    with fsspec.open(model_artifact_url) as file, tarfile.open(fileobj=file) as archive:
        model = archive.extractfile("model_algo-1").read()
    if model.startswith(b"\x93NUMPY"):  # of a local SageMaker
        centers = np.load(io.BytesIO(model))
    else:  # An array as MXNet saves it: its shape is a pair of integers in byte 36, its numbers begin with byte 64.
        shape = np.frombuffer(model, "<i8", 2, offset=36)
        centers = np.frombuffer(model, "<f4", shape.prod(), offset=64).reshape(shape)

    clusters, digits = {}, {}
    for channel in channels:
        name = channel["ChannelName"]
        with tempfile.TemporaryDirectory() as folder:
            files, path = fsspec.url_to_fs(channel["DataSource"]["S3DataSource"]["S3Uri"])
            files.get(path, folder, recursive=True)
            images, digits[name] = read_records(*Path(folder).rglob("*.pbr"))
        clusters[name] = ((images[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    names = [
        np.bincount(digits["train"][clusters["train"] == cluster].astype(int), minlength=10).argmax()
        for cluster in range(len(centers))
    ]
    share = float((np.array(names)[clusters["test"]] == digits["test"]).mean())
    print(f"clusters are named {sorted(map(int, names))}; {share:.1%} of the test images are where they belong")
    return share


@dsl.pipeline(name="digits-classification", description="Tune K-Means on handwritten digits, and train with the best")
def classify_digits(
    region: str = "us-east-1",
    endpoint_url: str = "",
    role: str = "arn:aws:iam::111122223333:role/SageMaker",
    channels: list = LOCATIONS["channels"],
    output_location: str = LOCATIONS["output_location"],
    static_parameters: dict = {"k": "10", "feature_dim": "784"},
    instance_type: str = "ml.m5.2xlarge",
    volume_size: int = 50,
    max_num_jobs: int = 8,
    max_parallel_jobs: int = 2,
    max_run_time: int = 3600,
):
    tuned = tune(
        region=region,
        endpoint_url=endpoint_url,
        role=role,
        algorithm_name="K-Means",
        metric_name="test:msd",
        metric_type="Minimize",
        static_parameters=static_parameters,
        integer_parameters=[
            {"Name": "mini_batch_size", "MinValue": "500", "MaxValue": "600"},
            {"Name": "extra_center_factor", "MinValue": "10", "MaxValue": "20"},
        ],
        categorical_parameters=[{"Name": "init_method", "Values": ["kmeans++", "random"]}],
        channels=channels,
        output_location=output_location,
        instance_type=instance_type,
        volume_size=volume_size,
        max_num_jobs=max_num_jobs,
        max_parallel_jobs=max_parallel_jobs,
        max_run_time=max_run_time,
    ).set_container_image(IMAGE)
    trained = train(
        region=region,
        endpoint_url=endpoint_url,
        role=role,
        training_image=tuned.outputs["training_image"],
        hyperparameters=tuned.outputs["best_hyperparameters"],
        channels=channels,
        output_location=output_location,
        instance_type=instance_type,
        volume_size=volume_size,
        max_run_time=max_run_time,
    )
    name_clusters(model_artifact_url=trained.outputs["model_artifact_url"], channels=channels)
