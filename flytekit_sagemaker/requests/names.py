"""Names and tags of jobs: pure functions of the Flyte execution that a job belongs to.

One attempt of one node always asks for the same name, so a repeated create meets the job it made before instead of
making (and paying for) a second one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass

TRAINING_JOB_NAME_LENGTH = 63
TUNING_JOB_NAME_LENGTH = 32
DEFAULT_PREFIX = "flyte"
_HASH_LENGTH = 8
_TAG_PREFIX = "flyte-"
# Says whose a job outside Flyte is: its value is drawn anew for every submission.
SUBMISSION_TAG = "flytekit-sagemaker-submission"
_TAG_NAMES = ("project", "domain", "execution", "node", "task", "version", "attempt", "place")


@dataclass(frozen=True)
class JobIdentity:
    """Whose job it is.

    Attributes:
        project, domain, execution: the Flyte execution.
        node: the node of the execution.
        task: full name of the task.
        version: version of the task.
        attempt: number of the attempt, from 0.
        place: made of where its outputs go. Nodes of sub-workflows, dynamic tasks and map tasks may share an id within
            one execution; no two attempts share a place.
    """

    project: str
    domain: str
    execution: str
    node: str
    task: str = ""
    version: str = ""
    attempt: int = 0
    place: str = ""

    def job_name(self, length: int, prefix: str = DEFAULT_PREFIX) -> str:
        """A legal job name of at most ``length`` characters, unique to this attempt.

        First the prefix, by which the jobs of a deployment are known in an account (to its IAM policies, and to whoever
        lists jobs); then what is readable; then a hash.
        """
        readable = "-".join(part for part in (self.execution, self.node, str(self.attempt)) if part)
        attempt = [self.project, self.domain, self.execution, self.node, str(self.attempt)]
        attempt += [self.place] if self.place else []
        digest = hashlib.sha256("\0".join(attempt).encode()).hexdigest()[:_HASH_LENGTH]
        slug = re.sub(r"[^a-zA-Z0-9]+", "-", readable)[: length - len(prefix) - _HASH_LENGTH - 2].strip("-")
        return "-".join(part for part in (prefix, slug, digest) if part)

    def tags(self) -> dict[str, str]:
        """The tags that tell an account's owner which execution a job belongs to."""
        values = (str(value) for value in astuple(self))
        return {_TAG_PREFIX + name: _tag_value(value) for name, value in zip(_TAG_NAMES, values, strict=True) if value}


def identity_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those of the tags that say whose a job is; the version of its task does not."""
    names = {_TAG_PREFIX + name for name in _TAG_NAMES if name != "version"} | {SUBMISSION_TAG}
    return {key: value for key, value in tags.items() if key in names}


def _tag_value(text: str) -> str:
    # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    return re.sub(r"[^\w .:/=+\-@]", "-", text)[:256]
