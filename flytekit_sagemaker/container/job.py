"""What entry and task know of the job that this process is."""

from __future__ import annotations

import functools

from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.container.distributed import DistributedContext


class Job:
    """The job that runs in this process.

    Attributes:
        contract: what SageMaker tells it.
        distributed: its place among the hosts.
        metrics: names of the metrics that SageMaker looks for in the log; None where nobody here knows them.
        error: what ended the function, as the task saw it; None as long as nothing has.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.distributed = DistributedContext.of(contract)
        self.metrics: set[str] | None = None
        self.error: BaseException | None = None


@functools.cache
def current() -> Job:
    """The job that this process runs."""
    return Job(Contract.here())
