"""Which SageMaker a job goes to, and what the deployment supplies to it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from flytekit_sagemaker import settings
from flytekit_sagemaker.aws import Endpoint, default_region, sign_for
from flytekit_sagemaker.errors import Problem, did_you_mean
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.validation import AWS_URI_SCHEMES, LOCAL_URI_SCHEMES
from flytekit_sagemaker.uris import file_uri

LOCAL_REGION = "us-east-1"
LOCAL_ROLE_ARN = "arn:aws:iam::000000000000:role/local"


@dataclass(frozen=True)
class Placement:
    """Where a job goes.

    Attributes:
        endpoint: the SageMaker.
        deployment: what it supplies to a job that does not say otherwise.
        problems: settings that are missing or make no sense; no job can be placed when there are any.
    """

    endpoint: Endpoint
    deployment: Deployment
    problems: tuple[Problem, ...] = ()


def place(output_prefix: str, region: str | None = None) -> Placement:
    """The placement of a job by the settings in force; starts the local SageMaker when they name it.

    Args:
        output_prefix: where the job's execution writes its outputs.
        region: the job's own region.
    """
    current = settings.current()
    url, problems = _url(current.endpoint)
    endpoint = Endpoint(region or current.region or default_region() or (LOCAL_REGION if url else ""), url)
    if not endpoint.region:
        remedy = "Set region in the [sagemaker] section of the Flyte config, AWS_REGION, or training_job_config."
        problems.append(Problem("region", None, "is required", remedy))
    here = endpoint.is_on_this_machine
    output_path = current.output_prefix or output_prefix
    deployment = Deployment(
        region=endpoint.region or LOCAL_REGION,
        role_arn=current.role_arn or (LOCAL_ROLE_ARN if here else ""),
        output_path=file_uri(output_path) if here and "://" not in output_path else output_path,
        uri_schemes=LOCAL_URI_SCHEMES if here else AWS_URI_SCHEMES,
        security_group_ids=settings.items(current.security_group_ids),
        subnets=settings.items(current.subnets),
        volume_kms_key_id=current.volume_kms_key_id or None,
        output_kms_key_id=current.output_kms_key_id or None,
        tags=settings.pairs(current.tags),
    )
    return Placement(endpoint, deployment, tuple(problems))


def _url(endpoint: str) -> tuple[str, list[Problem]]:
    if endpoint == settings.AWS:
        return "", []
    if endpoint == settings.LOCAL:
        from flytekit_sagemaker.local import server

        shared = server.shared()
        sign_for(shared.url, shared.access_key)
        return shared.url, []
    if urlsplit(endpoint).scheme in ("http", "https") and urlsplit(endpoint).hostname:
        return endpoint, []
    hint = did_you_mean(endpoint, (settings.AWS, settings.LOCAL))
    return "", [Problem("endpoint_url", endpoint, "must be aws, local or the URL of an endpoint", hint)]
