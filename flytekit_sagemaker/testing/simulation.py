"""A light SageMaker account in memory: jobs that take time on a clock and nothing else.

It answers what the real service answers, within AWS's quotas, and goes wrong as it is told. Use it to find out how a
program that calls SageMaker behaves with thousands of jobs, under throttling, and when answers are lost::

    clock = MovableClock()
    account = SimulatedSageMaker(clock, faults=Faults.scheduled([("CreateTrainingJob", 1, Fault.DROPPED)]))
    account.call("create_training_job", **request)   # raises ConnectionClosedError, and there is a job
    clock.advance(3600)
    account.call("describe_training_job", TrainingJobName="...")["TrainingJobStatus"]   # Completed
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.local.admission import Refused, check_log_members, check_members
from flytekit_sagemaker.testing.as_boto3 import operation_name, received
from flytekit_sagemaker.testing.call_log import CallLog
from flytekit_sagemaker.testing.faults import Delivery, Failure, Fault, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.quotas import Buckets, Quotas, Rate
from flytekit_sagemaker.testing.simulated_account import Account, At, Lives
from flytekit_sagemaker.testing.simulated_jobs import Members, TrainingJob
from flytekit_sagemaker.testing.simulated_logs import SimulatedLogs
from flytekit_sagemaker.testing.simulated_sessions import Session, SimulatedSessions

__all__ = ["Fault", "Faults", "Life", "Quotas", "Rate", "Reply", "SimulatedSageMaker"]


@dataclass(frozen=True)
class Reply:
    """What the service sends back.

    Attributes:
        content: the members of the answer.
        failure: the error instead of an answer.
        delivery: what becomes of either on the way.
    """

    content: Members
    failure: Failure | None = None
    delivery: Delivery = Delivery.WHOLE


class SimulatedSageMaker:
    """One account in one region.

    ``call`` makes a call as a boto3 client would; :class:`~flytekit_sagemaker.testing.simulated_server.SimulatedServer`
    serves the account over HTTP. Safe to use from several threads. Names are unique until their jobs are deleted;
    trials of tuning jobs appear as their predecessors end.

    Attributes:
        clock: the time; nothing happens while it stands still.
        calls: what was asked.

    Args:
        clock: see above.
        quotas: how often operations are served, and how many instances there are; AWS's by default.
        faults: what goes wrong; nothing by default.
        lives: what happens to each training job and trial, given its request; eleven minutes and a half by default.
        account: account id.
        region: region of calls that do not say theirs.
        seed: fixes what tuning jobs try and the objectives that their trials get, unless their lives say.
        session_seconds: how long credentials of an assumed role are good at most. Clients compare their end with the
            time of the system, so they have to be on a clock that shows it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        quotas: Quotas | None = None,
        faults: Faults | None = None,
        lives: Lives | None = None,
        account: str = "123456789012",
        region: str = "us-east-1",
        seed: int = 0,
        session_seconds: float = 3600,
    ) -> None:
        self.clock = clock
        self.calls = CallLog()
        self.account = account
        self._region = region
        self._faults = faults or Faults.none()
        quotas = quotas or Quotas()
        self._buckets = Buckets(quotas)
        self._account = Account(account, lives or (lambda request: Life()), quotas.instances, seed)
        self._sessions = SimulatedSessions(account, session_seconds)
        # Operations of each service, and what checks their members.
        self._services = (
            (self._account.operations, check_members),
            (SimulatedLogs(self._account).operations, check_log_members),
            (self._sessions.operations, lambda operation, request: None),
        )
        self._lock = threading.Lock()

    def call(self, operation: str, **parameters: Any) -> Members:
        """Call an operation by the name of boto3's method, such as ``describe_training_job``.

        Returns:
            What boto3 returns: times are ``datetime``.

        Raises:
            botocore.exceptions.ClientError: the service answers with an error.
            botocore.exceptions.ConnectionClosedError, ReadTimeoutError: the answer is lost; see ``Fault.accepted``.
        """
        name = operation_name(operation)
        return received(name, self.answer(name, parameters))

    def answer(self, operation: str, request: Mapping[str, Any], *, access_key: str = "", region: str = "") -> Reply:
        """Answer a request as the service does.

        Args:
            operation: its name in the API, such as ``DescribeTrainingJob``.
            request: its members; times are ``datetime`` or seconds since the epoch.
            access_key: id of the access key that signed it, for the record.
            region: region that it was signed for.
        """
        with self._lock:
            now = self.clock.time()
            self._account.settle(now)
            reply = self._reply(operation, request, At(now, region or self._region, access_key))
            self.calls.add(now, operation, reply.failure, reply.delivery, access_key)
            return reply

    def _reply(self, operation: str, request: Mapping[str, Any], at: At) -> Reply:
        fault = self._faults.next(operation)
        delivery = fault.delivery if fault else Delivery.WHOLE
        if fault and not fault.accepted:
            return Reply({}, fault.failure, delivery)
        if self._sessions.have_expired(at.access_key, at.now):
            return Reply({}, Fault.EXPIRED_TOKEN.failure)
        if not self._buckets.take(operation, at.now):
            return Reply({}, Fault.THROTTLED.failure)
        try:
            content = self._content(operation, request, at._replace(change=fault.life if fault else ""))
        except Refused as refused:
            return Reply({}, Failure(refused.code, str(refused)), delivery)
        return Reply(content, fault.failure if fault else None, delivery)

    def _content(self, operation: str, request: Mapping[str, Any], at: At) -> Members:
        for operations, check in self._services:
            if operation in operations:
                check(operation, request)
                return operations[operation](dict(request), at)
        raise Refused("UnknownOperationException", f"The simulated SageMaker has no operation {operation!r}.")

    def job_names(self) -> list[str]:
        """Names of all training jobs, trials among them, and then of all tuning jobs, each in order of creation."""
        with self._settled() as account:
            return [job.name for kind in (account.training, account.tuning) for job in kind]

    def creates(self, name: str) -> int:
        """How many creates were accepted for a name, whether or not their answers arrived."""
        with self._settled() as account:
            return account.creates[name]

    def running(self) -> list[str]:
        """Names of the jobs that have not ended."""
        with self._settled() as account:
            return [job.name for job in account.running()]

    def training_job(self, name: str) -> TrainingJob | None:
        """A training job as the account keeps it; this is no call, so it is neither counted nor throttled."""
        with self._settled() as account:
            return account.training.find(name)

    def sessions(self) -> list[Session]:
        """The roles that were assumed, in order."""
        with self._lock:
            return list(self._sessions.sessions.values())

    def state(self) -> dict[str, Any]:
        """All of that as plain data, for a process that looks at the account from outside."""
        with self._settled() as account:
            jobs = [job for kind in (account.training, account.tuning) for job in kind]
            return {
                "time": self.clock.time(),
                "jobs": {job.name: job.status for job in jobs},
                "creates": dict(account.creates),
                "running": [job.name for job in account.running()],
                "calls": dict(self.calls.operations),
                "throttled": self.calls.throttled,
            }

    @contextlib.contextmanager
    def _settled(self) -> Iterator[Account]:
        with self._lock:
            self._account.settle(self.clock.time())
            yield self._account
