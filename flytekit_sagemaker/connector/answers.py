"""What a poll is answered with, and what a look at a job finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flyteidl.admin.agent_pb2 import Resource as WireResource
from flytekit.extend.backend.base_connector import Resource


@dataclass
class Answer(Resource):  # type: ignore[misc]
    """A resource that is put into its wire form once, however often it is asked for."""

    _wire: WireResource | None = field(default=None, init=False, repr=False, compare=False)

    async def to_flyte_idl(self) -> WireResource:
        """The answer as flytekit's service sends it."""
        if self._wire is None:
            self._wire = await super().to_flyte_idl()
        return self._wire


@dataclass(frozen=True)
class Step:
    """Work for one job that calls SageMaker; it blocks, so it is done in a thread.

    Attributes:
        run: the work; raises TransientError when it has to be done again.
        describes, lists, creates: how many calls of each sort it makes, for the budgets.
    """

    run: Callable[[], Sighting]
    describes: int = 0
    lists: int = 0
    creates: int = 0


@dataclass(frozen=True)
class Sighting:
    """What a step found out.

    Attributes:
        answer: what polls are answered with from now on.
        ended: whether the answer is the last one.
        created: when the job was created, in seconds since the epoch; None while that is unknown.
        then: what has to be done before the end of the job can be reported.
        again_after: seconds before which another look is pointless.
    """

    answer: Any
    ended: bool = False
    created: float | None = None
    then: Step | None = None
    again_after: float = 0.0
