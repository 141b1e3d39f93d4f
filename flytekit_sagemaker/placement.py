"""Which SageMaker a job goes to and as whom it is called, and what the deployment supplies to the job."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from flytekit_sagemaker import setting_values, settings
from flytekit_sagemaker.aws import Endpoint, configured_url, default_region, sign_for
from flytekit_sagemaker.errors import Problem, did_you_mean
from flytekit_sagemaker.models.training_job import TrainingJobConfig
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.validation import AWS_URI_SCHEMES, LOCAL_URI_SCHEMES
from flytekit_sagemaker.settings import Settings, where_to_set
from flytekit_sagemaker.uris import file_uri

LOCAL_REGION = "us-east-1"
LOCAL_ROLE_ARN = "arn:aws:iam::000000000000:role/local"
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


@dataclass(frozen=True)
class ExecutionContext:
    """The Flyte execution behind a job; all empty outside a Flyte cluster.

    Attributes:
        project, domain, name: of the execution.
        role_arn: IAM role of the execution itself.
    """

    project: str = ""
    domain: str = ""
    name: str = ""
    role_arn: str = ""


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


def place(output_prefix: str, config: TrainingJobConfig, execution: ExecutionContext) -> Placement:
    """The placement of a job by its own configuration, its execution and the settings in force, in this order.

    AWS is where AWS_ENDPOINT_URL_SAGEMAKER and its like say, as for all AWS SDKs. They do not make a user's own machine
    go there, whose default is the local SageMaker.

    Starts the local SageMaker when the settings name it. No role is assumed for an endpoint on this machine, which has
    none.

    Args:
        output_prefix: where the job's execution writes its outputs.
        config: the job's own configuration.
        execution: the execution that the job belongs to.
    """
    current = settings.current()
    url, problems = _url_for(config.endpoint_url or "", current)
    problems = [*current.problems(), *problems]
    region = config.region or current.region or default_region() or (LOCAL_REGION if url else "")
    if not region:
        remedy = f"Set region in {settings.SECTION_IN_WORDS}, AWS_REGION, or training_job_config."
        problems.append(Problem("region", None, "is required", remedy))
    endpoint = Endpoint(region, url)
    here = endpoint.is_on_this_machine
    assumed = config.assume_role_arn or current.assume_role_arn
    if assumed and not here:
        external_id, wrong = _external_id(current.assume_role_external_id, execution)
        problems += wrong
        endpoint = Endpoint(region, url, assumed, external_id)
    output_path = current.output_prefix or output_prefix
    deployment = Deployment(
        region=region or LOCAL_REGION,
        role_arn=execution.role_arn or current.role_arn or (LOCAL_ROLE_ARN if here else ""),
        output_path=file_uri(output_path) if here and "://" not in output_path else output_path,
        uri_schemes=LOCAL_URI_SCHEMES if here else AWS_URI_SCHEMES,
        security_group_ids=setting_values.items(current.security_group_ids),
        subnets=setting_values.items(current.subnets),
        volume_kms_key_id=current.volume_kms_key_id or None,
        output_kms_key_id=current.output_kms_key_id or None,
        tags=setting_values.pairs(current.tags),
    )
    lacks_something = not region or not (config.role_arn or deployment.role_arn)
    if lacks_something and (missing := settings.missing_config_file()):
        problems.append(missing)
    return Placement(endpoint, deployment, tuple(problems))


def allowed(url: str) -> bool:
    """Whether a job may be at an endpoint: AWS's or the deployment's own, or one that it allows its tasks to name.

    Args:
        url: URL of the endpoint; empty for AWS's own.
    """
    if settings.runs_locally() or not url:
        return True
    endpoints = _permitted(settings.current())
    if _normal(url) in endpoints or (settings.AWS in endpoints and url == configured_url()):
        return True
    # The local SageMaker of this process has a port of its own each time.
    return settings.LOCAL in endpoints and Endpoint("", url).is_on_this_machine and _url(settings.LOCAL)[0] == url


def _permitted(current: Settings) -> set[str]:
    return {_normal(each) for each in (current.endpoint, *setting_values.items(current.allowed_endpoint_urls))}


def _url_for(wanted: str, current: Settings) -> tuple[str, list[Problem]]:
    """The URL of the endpoint that a task wants, if it may have it, else of the deployment's."""
    permitted = _permitted(current)
    if wanted and (settings.runs_locally() or _normal(wanted) in permitted):
        return _url(wanted)
    url, problems = _url(current.endpoint)
    if wanted:
        rule = f"is not an endpoint that this deployment allows ({', '.join(sorted(permitted))})"
        remedy = f"Leave it out, or have it allowed. {where_to_set('allowed_endpoint_urls')}"
        problems.append(Problem("training_job_config.endpoint_url", wanted, rule, remedy))
    return url, problems


def _url(endpoint: str) -> tuple[str, list[Problem]]:
    if endpoint == settings.AWS:
        return _checked(configured_url(), "of the AWS environment or config must be the URL of an endpoint")
    if endpoint == settings.LOCAL:
        from flytekit_sagemaker.local import server

        shared = server.shared()
        sign_for(shared.url, shared.access_key)
        return shared.url, []
    hint = did_you_mean(endpoint, (settings.AWS, settings.LOCAL))
    return _checked(endpoint, "must be aws, local or the URL of an endpoint", hint)


def _checked(url: str, rule: str, hint: str = "") -> tuple[str, list[Problem]]:
    if not url or (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
        return _normal(url), []
    return "", [Problem("endpoint_url", url, rule, hint)]


def _normal(url: str) -> str:
    return url.rstrip("/")


def _external_id(template: str, execution: ExecutionContext) -> tuple[str, list[Problem]]:
    """The external id of an execution, so that a role of one project cannot be used by another."""
    known = {"project": execution.project, "domain": execution.domain}
    for name in re.findall(r"\{([^{}]*)\}", template):
        if not known.get(name):
            rule = f"has the placeholder {{{name}}}, " + (
                "which this execution has no value for" if name in known else "but knows {project} and {domain} only"
            )
            return "", [Problem("assume_role_external_id", template, rule)]
    external_id = re.sub(r"\{(\w+)\}", lambda found: known[found[1]], template)
    if external_id and not _EXTERNAL_ID.fullmatch(external_id):
        rule = "must make an external id of 2 to 1224 letters, digits and characters of +=,.@:/-_"
        return "", [Problem("assume_role_external_id", template, rule)]
    return external_id, []
