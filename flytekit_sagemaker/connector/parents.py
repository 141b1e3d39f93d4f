"""The parents of a warm start, looked at before the job is created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.kinds import TUNING
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.refusals import RefusedCall, RefusedForNow
from flytekit_sagemaker.requests import warm_start


def parent_problems(endpoint: Endpoint, request: Mapping[str, Any]) -> list[Problem]:
    """Why a tuning job cannot, or should not, start from the parents that its request names, if it names any. Blocks.

    Parents that cannot be described now, or by this caller, are left to the service: it looks at them, too.

    Args:
        endpoint: where the job is to be created.
        request: parameters of CreateHyperParameterTuningJob.
    """
    known: dict[str, Mapping[str, Any] | None] = {}
    for name in dict.fromkeys(warm_start.parent_names(request)):
        try:
            known[name] = TUNING.describe(endpoint, name)
        except RefusedForNow:  # who does not answer now will not answer for the next parent either
            break
        except RefusedCall as error:
            if error.is_not_found:
                known[name] = None
    return [*warm_start.problems(request, known), *warm_start.advice(request, known)]
