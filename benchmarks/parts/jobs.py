"""The jobs that are followed."""

from __future__ import annotations

# Members that a training job and the definition in a tuning job have in common.
DEFINITION = {
    "AlgorithmSpecification": {
        "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "TrainingInputMode": "File",
    },
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 10},
    "RoleArn": "arn:aws:iam::123456789012:role/SageMaker",
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
}
