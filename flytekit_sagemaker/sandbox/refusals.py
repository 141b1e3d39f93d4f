"""Why a call is not carried out: a gRPC status and one sentence."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

CAN = (
    "The sandbox of flytekit-sagemaker runs tasks, and workflows made of task nodes, sub-workflows and branches; "
    "for everything else, use Flyte itself."
)


class Refused(Exception):
    """A call that is not carried out; the message is a sentence for the caller."""

    def __init__(self, code: grpc.StatusCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def invalid(sentence: str) -> Refused:
    """The caller has to change the request."""
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, sentence)


def not_found(what: str) -> Refused:
    """There is no such thing."""
    return Refused(grpc.StatusCode.NOT_FOUND, f"There is no {what} in this sandbox.")


def not_here(what: str) -> Refused:
    """Flyte can do it, the sandbox cannot."""
    return Refused(grpc.StatusCode.UNIMPLEMENTED, f"{what} is not part of this sandbox. {CAN}")


def refuse_all(subject: str, problems: Sequence[str]) -> None:
    """Raise one refusal that lists every problem; nothing when there is none."""
    if problems:
        raise invalid(f"{subject}: {'; '.join(problems)}.")
