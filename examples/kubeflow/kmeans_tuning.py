"""Tune SageMaker's K-Means on handwritten digits: a pipeline of one step.

    kfp dsl compile --py kmeans_tuning.py --output kmeans_tuning.yaml

The parameters are the component's arguments, under their own names. See README.md for the data and the role.
"""

# ruff: noqa: B006

from importlib.resources import files

from digits import locations
from kfp import components, dsl

tune = components.load_component_from_file(str(files("flytekit_sagemaker.kubeflow") / "component.yaml"))

# Of deploy/Dockerfile; a run on your own machine needs none.
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/flytekit-sagemaker-connector:0.1.0"
LOCATIONS = locations("s3://my-bucket/digits")


@dsl.pipeline(name="kmeans-tuning", description="Tune K-Means on handwritten digits")
def tune_kmeans(
    region: str = "us-east-1",
    endpoint_url: str = "",
    assume_role: str = "",
    job_name: str = "",
    role: str = "arn:aws:iam::111122223333:role/SageMaker",
    image: str = "",
    algorithm_name: str = "K-Means",
    training_input_mode: str = "File",
    metric_definitions: dict = {},
    strategy: str = "Bayesian",
    metric_name: str = "test:msd",
    metric_type: str = "Minimize",
    early_stopping_type: str = "Off",
    static_parameters: dict = {"k": "10", "feature_dim": "784"},
    integer_parameters: list = [
        {"Name": "mini_batch_size", "MinValue": "500", "MaxValue": "600"},
        {"Name": "extra_center_factor", "MinValue": "10", "MaxValue": "20"},
    ],
    continuous_parameters: list = [],
    categorical_parameters: list = [{"Name": "init_method", "Values": ["kmeans++", "random"]}],
    channels: list = LOCATIONS["channels"],
    output_location: str = LOCATIONS["output_location"],
    output_encryption_key: str = "",
    instance_type: str = "ml.m5.2xlarge",
    instance_count: int = 1,
    volume_size: int = 50,
    max_num_jobs: int = 4,
    max_parallel_jobs: int = 2,
    max_run_time: int = 3600,
    resource_encryption_key: str = "",
    vpc_security_group_ids: str = "",
    vpc_subnets: str = "",
    network_isolation: bool = True,
    traffic_encryption: bool = False,
    spot_instance: bool = False,
    max_wait_time: int = 3600,
    checkpoint_config: dict = {},
    warm_start_type: str = "",
    parent_hpo_jobs: str = "",
    tags: dict = {},
):
    tune(**locals()).set_container_image(IMAGE)
