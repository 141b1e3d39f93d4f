"""What a deployment supplies to every job that does not say otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flytekit_sagemaker.models.training_job import TrainingJobConfig


@dataclass(frozen=True)
class Deployment:
    """Where jobs run by default, and what the account asks of them.

    Attributes:
        region: AWS region.
        role_arn: IAM role that SageMaker assumes for the job; empty where every job has to name its own.
        output_path: prefix under which artifacts are written.
        uri_schemes: schemes that data may have.
        security_group_ids, subnets: VPC of the jobs.
        volume_kms_key_id, output_kms_key_id: KMS keys.
        tags: tags of every job.
    """

    region: str
    role_arn: str
    output_path: str
    uri_schemes: Sequence[str] = ("s3", "https")
    security_group_ids: Sequence[str] = ()
    subnets: Sequence[str] = ()
    volume_kms_key_id: str | None = None
    output_kms_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def for_job(self, config: TrainingJobConfig) -> Deployment:
        """This deployment with what the job's own configuration says instead."""
        vpc = config if config.subnets else self
        return Deployment(
            region=config.region or self.region,
            role_arn=config.role_arn or self.role_arn,
            output_path=config.output_path or self.output_path,
            uri_schemes=self.uri_schemes,
            security_group_ids=vpc.security_group_ids,
            subnets=vpc.subnets,
            volume_kms_key_id=config.volume_kms_key_id or self.volume_kms_key_id,
            output_kms_key_id=config.output_kms_key_id or self.output_kms_key_id,
            tags={**self.tags, **(config.tags or {})},
        )
