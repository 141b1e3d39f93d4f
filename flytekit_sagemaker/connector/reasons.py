"""What the reason of a failure says in one line, and what can be done about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flytekit_sagemaker.reporting.wording import cut, one_line
from flytekit_sagemaker.status import failure_class

HEADLINE_LENGTH = 1200

# A line that names an exception.
_TELLING = re.compile(r"\b[A-Za-z_][\w.]{0,120}(?:Error|Exception|Exit|Interrupt)\b:? ?\S")
_TRACEBACK = "Traceback (most recent call last)"
_CAUSE = "caused by "
# As a function or a program of ours ends: what happened, its causes, and below a heading what led to it.
_WHAT_FIRST = re.compile(rf"(?P<what>\S[^\n]*(?:\n{_CAUSE}[^\n]*)*)(?:\n\S[^\n]*:(?:\n[ \t][^\n]*)+)?")
_ENDING = re.compile(r", exit code: -?\d+$", re.IGNORECASE)
_EXIT_CODE = re.compile(r"\bexit code: (?P<code>\d+)$", re.IGNORECASE)
# What differs between failures of one kind: places, hosts, identifiers and numbers.
_VARIABLE = re.compile(
    r"\w+://\S+|(?:/[\w.@=-]+){2,}|\balgo-\d+|0x[0-9a-f]+|\b[0-9a-f]{6,}\b|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
)

# By secondary status or by class of failure.
_BY_CLASS = {
    "MaxRuntimeExceeded": "Raise max_runtime_in_seconds in the stopping_condition, or let the training do less.",
    "MaxWaitTimeExceeded": "Raise max_wait_time_in_seconds in the stopping_condition, choose another instance type, "
    "or set enable_managed_spot_training to false.",
    "CapacityError": "AWS has no capacity for {instances} in {region} at this time; it is neither a quota of yours nor "
    "a fault of the job. Run it again later, or choose another instance type, fewer instances, more subnets or another "
    "region.",
    "InternalServerError": "The fault is on the side of SageMaker: run the job again, or let SageMaker do so by itself "
    "(max_retry_attempts).",
}

_NO_PACKAGE = (
    "The image {image} has no flytekit-sagemaker, which runs the function: let sagemaker_image() make the image, or "
    "install the package in it."
)
_NO_TRAIN = (
    "The image {image} has no command train, with which SageMaker starts it: let sagemaker_image() make the image, or "
    'end its Dockerfile with ENTRYPOINT ["flytekit-sagemaker"].'
)
_NO_MODULE = (
    "The job does not find the module {module}: add a library to the packages of the image; bring code of your own "
    "into the image, or register it with its code (pyflyte run --remote, pyflyte register)."
)
_NO_MEMORY = (
    "The job ran out of memory: choose an instance type with more than {instances} has, or let the training hold less "
    "at a time."
)
_NO_DISK = "The disk is full: raise volume_size_in_gb of the training_job_config, or keep fewer checkpoints."
_NOT_ROOT = (
    "SageMaker mounts /opt/ml for root, and this image runs as somebody else: let sagemaker_image() make the image, or "
    "end its Dockerfile with USER root."
)
_NOT_ALLOWED = (
    "The job's role {role} may not do this: compare its policy with deploy/iam/job-policy.json, which has what a job "
    "needs, and look at the bucket's own policy and key."
)
_MISSING = r".{0,80}(?:not found|no such file)"

# By what the reason, or else the log, says; the first that is found counts.
_BY_TEXT: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern, re.IGNORECASE), remedy)
    for pattern, remedy in (
        (rf"\bflytekit-sagemaker['\"]?:{_MISSING}|no module named '?flytekit_sagemaker\b", _NO_PACKAGE),
        (rf"(?:^|[\s\"'/])train['\"]?:{_MISSING}", _NO_TRAIN),
        (r"\bNo module named '?(?P<module>[\w.]+)", _NO_MODULE),
        (r"\bMemoryError\b|\bout of memory\b|\bOutOfMemoryError\b|instance type with more memory", _NO_MEMORY),
        (r"\bNo space left on device\b|\bENOSPC\b", _NO_DISK),
        (r"\bPermission denied\b.{0,20}/opt/ml\b(?!.*sagemaker_image)", _NOT_ROOT),
        (r"\bAccess ?Denied\b|\bis not authorized to perform\b|\b403\b.{0,20}\bForbidden\b", _NOT_ALLOWED),
    )
]
# By exit code, where no text helps. SageMaker kills with 9 what takes more memory than there is: 128 + 9.
_BY_EXIT_CODE = {"127": _NO_TRAIN, "137": _NO_MEMORY}


def headline(reason: str) -> str:
    """A reason in one line: its class, what happened, and the exit code."""
    word = failure_class(reason)
    ending = _ENDING.search(reason.rstrip())
    lines = [line.strip() for line in _what_happened(reason).splitlines() if line.strip()]
    if len(lines) > 1:
        # Some say what happened and then where; a traceback by itself says it at its end.
        where_follows = _TELLING.search(lines[0]) and any(line.startswith(_TRACEBACK) for line in lines)
        if where_follows or lines[1].startswith(_CAUSE):
            lines = lines[:1]
        else:
            lines = [next((line for line in reversed(lines) if _TELLING.search(line)), lines[-1])]
    what = f"{word}: {''.join(lines)}" if word else "".join(lines)
    return cut(one_line(what), HEADLINE_LENGTH) + (ending[0] if ending else "")


def kind_of_failure(reason: str, job_name: str) -> str:
    """What reasons have in common that differ in places, hosts, identifiers and numbers only."""
    return _VARIABLE.sub("#", headline(reason).replace(job_name, "#").lower())


def remedy(reason: str, secondary_status: str, log: Sequence[str], facts: Mapping[str, object]) -> str:
    """What can be done about a failure, in a sentence or two; empty where nobody knows.

    Args:
        reason: ``FailureReason`` of the job.
        secondary_status: ``SecondaryStatus`` of the job, empty for a tuning job.
        log: the last lines of the log; they are asked where the reason does not name an exception.
        facts: image, instances, region and role of the job.
    """
    known = _BY_CLASS.get(secondary_status) or _BY_CLASS.get(failure_class(reason))
    if known:
        return known.format(**facts)
    for text in (_what_happened(reason), *reversed(log)):
        for pattern, sentence in _BY_TEXT:
            if found := pattern.search(text):
                return sentence.format(**facts, **found.groupdict())
        if _TELLING.search(text):
            break
    code = _EXIT_CODE.search(reason.rstrip())
    return _BY_EXIT_CODE.get(code["code"] if code else "", "").format(**facts)


def _what_happened(reason: str) -> str:
    """A reason without its class, its exit code and, where it begins with what happened, what led to that."""
    body = _ENDING.sub("", reason.strip().removeprefix(f"{failure_class(reason)}:")).strip()
    what_first = _WHAT_FIRST.fullmatch(body)
    return what_first["what"] if what_first else body
