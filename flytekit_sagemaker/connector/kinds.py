"""The two kinds of job, and the calls that SageMaker has for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.refusals import NOTHING_TO_DO_CODES, RefusedByService, RefusedByUserFault, RefusedForNow
from flytekit_sagemaker.requests.names import DEFAULT_PREFIX, TRAINING_JOB_NAME_LENGTH, TUNING_JOB_NAME_LENGTH

PAGE_LENGTH = 100


@dataclass(frozen=True)
class JobKind:
    """One kind of job in the SageMaker API.

    Attributes:
        word: ``training`` or ``tuning``.
        noun: the same kind in the names of client methods.
        shape: the same kind in the names of members.
        summaries: member of the list operation's answer.
        name_length: most characters of a job's name.
        infix: what follows the deployment's prefix in a job's name. Training jobs have one, so that a list of them
            leaves out the training jobs that tuning jobs launched, whose names begin with that of their tuning job.
    """

    word: str
    noun: str
    shape: str
    summaries: str
    name_length: int
    infix: str = ""

    def name_prefix(self, deployment: str) -> str:
        """How the names of a deployment's jobs of this kind begin."""
        return (deployment or DEFAULT_PREFIX) + self.infix

    def create(self, endpoint: Endpoint, parameters: Mapping[str, Any], session_name: str) -> None:
        """Create a job; raises as :func:`flytekit_sagemaker.aws.call`."""
        aws.call(endpoint, f"create_{self.noun}", session_name=session_name, **parameters)

    def describe(self, endpoint: Endpoint, name: str) -> Mapping[str, Any]:
        """The service's description of a job; raises as :func:`flytekit_sagemaker.aws.call`."""
        return aws.call(endpoint, f"describe_{self.noun}", **{f"{self.shape}Name": name})

    def stop(self, endpoint: Endpoint, name: str, session_name: str) -> bool:
        """Stop a job; one that has ended is left as it is.

        Returns:
            False when the service knows no such job.

        Raises:
            As :func:`flytekit_sagemaker.aws.call`.
        """
        try:
            aws.call(endpoint, f"stop_{self.noun}", session_name=session_name, **{f"{self.shape}Name": name})
        except (RefusedByUserFault, RefusedByService) as error:
            # The service answers for a job that has ended, and for one that it does not know, with these codes.
            if error.code not in NOTHING_TO_DO_CODES:
                raise
            return not error.is_not_found
        return True

    def tags(self, endpoint: Endpoint, description: Mapping[str, Any]) -> dict[str, str]:
        """The tags of a described job; raises as :func:`flytekit_sagemaker.aws.call`."""
        answer = aws.call(endpoint, "list_tags", ResourceArn=description[f"{self.shape}Arn"])
        if "Tags" not in answer:  # half an answer: a job without tags has an empty list of them
            raise RefusedForNow("list_tags got an answer that makes no sense")
        return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}

    def in_progress(
        self, endpoint: Endpoint, name_contains: str, token: str | None
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """One page of the jobs in progress, oldest first, and the token of the next page.

        Raises as :func:`flytekit_sagemaker.aws.call`.
        """
        more = {"NextToken": token} if token else {}
        answer = aws.call(
            endpoint,
            f"list_{self.noun}s",
            StatusEquals="InProgress",
            NameContains=name_contains,
            SortBy="CreationTime",
            SortOrder="Ascending",
            MaxResults=PAGE_LENGTH,
            **more,
        )
        return answer[self.summaries], answer.get("NextToken")


TRAINING = JobKind(
    "training", "training_job", "TrainingJob", "TrainingJobSummaries", TRAINING_JOB_NAME_LENGTH, infix="-training"
)
TUNING = JobKind(
    "tuning",
    "hyper_parameter_tuning_job",
    "HyperParameterTuningJob",
    "HyperParameterTuningJobSummaries",
    TUNING_JOB_NAME_LENGTH,
)
