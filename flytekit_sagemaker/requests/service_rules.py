"""The rules between the members of a request that the SageMaker service enforces and botocore's model does not state.

Sources: the pages of CreateTrainingJob and CreateHyperParameterTuningJob in
https://docs.aws.amazon.com/sagemaker/latest/APIReference/ and
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-limits.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.requests import training_job_rules, tuning_job_rules
from flytekit_sagemaker.requests.request_members import Request, entries

_RULES: dict[str, Callable[[Request], Iterator[Problem]]] = {
    "CreateTrainingJob": training_job_rules.problems,
    "CreateHyperParameterTuningJob": tuning_job_rules.problems,
}


def problems(operation: str, request: Request) -> Iterator[Problem]:
    """Every broken rule of a create request; requests of other operations have none."""
    if operation in _RULES:
        yield from _RULES[operation](request)
        yield from _tags(request)


def _tags(request: Request) -> Iterator[Problem]:
    keys = [str(tag.get("Key")) if isinstance(tag, Mapping) else "" for tag in entries(request, "Tags")]
    for index, key in enumerate(keys):
        if key.lower().startswith("aws:"):
            yield Problem(f"Tags[{index}].Key", key, "must not start with aws:, which is reserved")
    for key, count in Counter(keys).items():
        if count > 1:
            yield Problem("Tags", key, "must not repeat a key")
