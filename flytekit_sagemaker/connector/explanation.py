"""Why a job ended without success, in words for the person who ran it: the reason, the log, and what can be done."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.connector.kinds import TRAINING, TUNING
from flytekit_sagemaker.connector.links import stream_link
from flytekit_sagemaker.connector.log_tail import LogTail, log_tail
from flytekit_sagemaker.connector.reasons import HEADLINE_LENGTH, headline, kind_of_failure, remedy
from flytekit_sagemaker.masking import masked, secrets_in
from flytekit_sagemaker.reporting.wording import cut, one_line, printable
from flytekit_sagemaker.status import (
    OBJECTIVE_STATES,
    TRIAL_COUNTERS,
    JobState,
    Move,
    interruptions,
    job_state,
    whose_move,
)

logger = logging.getLogger("flytekit_sagemaker")

MAX_BYTES = 8192

_NAMES = {kind.word: f"{kind.shape}Name" for kind in (TRAINING, TUNING)}
_FAILED_TRIALS_TO_READ = 200
_LONGEST_URL = 1024
_INDENT = "    "

# How a job was stopped, by secondary status.
_STOPS = {
    "Stopped": "was stopped on request: because its execution was aborted, or by somebody in AWS",
    "MaxRuntimeExceeded": "was stopped because it reached max_runtime_in_seconds = {max_runtime}",
    "MaxWaitTimeExceeded": "was stopped because it reached max_wait_time_in_seconds = {max_wait}, "
    "which counts the waiting for spot instances, too",
}


@dataclass(frozen=True)
class Explanation:
    """Why a job failed or was stopped.

    Attributes:
        message: what happened, the last log lines and the links; without secrets, at most ``MAX_BYTES`` long in UTF-8.
        move: who has to act before it can succeed.
        log_tail: the log lines of the message.
    """

    message: str
    move: Move = Move.USER
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Account:
    """What there is to say, in the order in which it is said."""

    first: str
    sentences: Sequence[str] = ()
    tail: LogTail = field(default_factory=LogTail)
    links: Mapping[str, str] = field(default_factory=dict)
    move: Move = Move.USER


def explain(
    endpoint: aws.Endpoint, kind_word: str, description: Mapping[str, Any], links: Mapping[str, str]
) -> Explanation:
    """Explain the end of a job that failed or was stopped.

    Blocks for a few calls (the log, and the trials of a tuning job), and never raises: what cannot be read is left out.

    Args:
        endpoint: where the job ran.
        kind_word: ``training`` or ``tuning``.
        description: answer of the operation that describes the job.
        links: title to URL.
    """
    try:
        secrets = secrets_in(description)
        tell = _tuning_account if kind_word == "tuning" else _training_account
        account = tell(endpoint, description, secrets)
        account = replace(account, links={**links, **account.links})
        return Explanation(_written(account), account.move, account.tail.lines)
    except Exception:  # the job's end has to be reported, explained or not
        logger.exception("the end of a %s job could not be explained", kind_word)
        name = description.get(_NAMES.get(kind_word, ""), "")
        return Explanation(_written(_Account(f"{kind_word} job {name} ended without success", links=links)))


def _training_account(endpoint: aws.Endpoint, job: Mapping[str, Any], secrets: Collection[str]) -> _Account:
    name, secondary = job["TrainingJobName"], job.get("SecondaryStatus", "")
    state, words = job_state(job["TrainingJobStatus"], secondary)
    reason = masked(job.get("FailureReason", ""), secrets)
    facts = _facts(endpoint, job)
    ended = _STOPS.get(secondary, "").format(**facts) if state is JobState.STOPPED else ""
    ended = ended or f"ended: {words}"
    if state is JobState.FAILED and reason:
        ended = f"failed: {headline(reason)}"
    elif reason:
        ended = f"{ended} ({headline(reason)})"
    tail = log_tail(endpoint, name, reason=reason, secrets=secrets)
    sentences = [
        remedy(reason, secondary, tail.lines if state is JobState.FAILED else (), facts),
        _interruptions(job),
        _model_so_far(job) if state is JobState.STOPPED else "",
        *_unsaid(reason, ended, tail),
    ]
    return _Account(
        f"training job {name} {ended}",
        sentences,
        tail,
        _log_link(endpoint, tail),
        whose_move(state, reason, secondary),
    )


def _tuning_account(endpoint: aws.Endpoint, job: Mapping[str, Any], secrets: Collection[str]) -> _Account:
    name = job["HyperParameterTuningJobName"]
    state, words = job_state(job["HyperParameterTuningJobStatus"])
    reason = masked(job.get("FailureReason", ""), secrets)
    first, *rest = [line for line in reason.splitlines() if line.strip()] or [""]
    if state is JobState.FAILED:
        ended = f"failed: {cut(one_line(first), HEADLINE_LENGTH)}" if first else words
    else:
        ended = _tuning_stop(job) if words == "Stopped" else f"ended: {words}"
        ended += f" ({cut(one_line(first), HEADLINE_LENGTH)})" if first else ""
    account = _Account(f"tuning job {name} {ended}", [_trial_counts(job)], move=whose_move(state, reason))
    try:
        failed = _trials(endpoint, name, StatusEquals="Failed")
        listed = [] if failed or state is not JobState.FAILED else _trials(endpoint, name)
    except Exception as error:
        note = f"its trials could not be listed: {cut(one_line(masked(str(error), secrets)), 300)}"
        return replace(account, sentences=[*account.sentences, *rest, note])
    if failed:
        return _with_failures(endpoint, account, job, failed, secrets)
    without = next(filter(_has_no_objective, listed), None)
    if without:
        trial = without["TrainingJobName"]
        tail = log_tail(endpoint, trial, secrets=secrets)
        told = f"trial {trial}, for example, ended without the objective metric: its log must show it"
        return replace(account, sentences=[*account.sentences, told], tail=tail, links=_log_link(endpoint, tail))
    return replace(account, sentences=[*account.sentences, *rest])


def _tuning_stop(job: Mapping[str, Any]) -> str:
    """How a tuning job was stopped; the service does not say whether its own limit of time did it."""
    limit = ((job.get("HyperParameterTuningJobConfig") or {}).get("ResourceLimits") or {}).get("MaxRuntimeInSeconds")
    created, ended = job.get("CreationTime"), job.get("HyperParameterTuningEndTime")
    if limit and created and ended and (ended - created).total_seconds() >= limit:
        return f"was stopped when it reached max_runtime_in_seconds = {limit} of its hyperparameter_tuning_job_config"
    return _STOPS["Stopped"]


def _with_failures(
    endpoint: aws.Endpoint,
    account: _Account,
    job: Mapping[str, Any],
    failed: Sequence[Mapping[str, Any]],
    secrets: Collection[str],
) -> _Account:
    """The account with the most common failure of the trials, and one trial as its example."""
    reasons = [masked(trial.get("FailureReason", ""), secrets) for trial in failed]
    patterns = [
        kind_of_failure(reason, trial["TrainingJobName"]) for reason, trial in zip(reasons, failed, strict=True)
    ]
    (pattern, count), *others = Counter(patterns).most_common()
    example = patterns.index(pattern)
    name, reason = failed[example]["TrainingJobName"], reasons[example]
    said = headline(reason) or "no reason given"
    repeated = "" if said in account.first else f": {said}"
    first = "" if _counters(job)["failed"] <= len(failed) else "the first "
    tail = log_tail(endpoint, name, reason=reason, secrets=secrets)
    told = [
        f"most common failure ({count} of {first}{len(failed)} failed trials), here of {name}{repeated}",
        f"{len(others)} other kinds of failure" if len(others) > 1 else "",
        remedy(reason, "", tail.lines, _facts(endpoint, *_definitions(job))),
        *_unsaid(reason, said, tail),
    ]
    state = job_state(job["HyperParameterTuningJobStatus"])[0]
    return replace(
        account,
        sentences=[*account.sentences, *told],
        tail=tail,
        links=_log_link(endpoint, tail),
        move=whose_move(state, job.get("FailureReason", ""), "", reasons),
    )


def _trials(endpoint: aws.Endpoint, name: str, **filters: str) -> list[Mapping[str, Any]]:
    listed = aws.pages(
        endpoint,
        "list_training_jobs_for_hyper_parameter_tuning_job",
        "TrainingJobSummaries",
        HyperParameterTuningJobName=name,
        SortBy="CreationTime",
        SortOrder="Ascending",
        **filters,
    )
    return list(islice(listed, _FAILED_TRIALS_TO_READ))


def _has_no_objective(trial: Mapping[str, Any]) -> bool:
    return OBJECTIVE_STATES.get(trial.get("ObjectiveStatus", "")) is JobState.FAILED


def _counters(job: Mapping[str, Any]) -> Counter[str]:
    """Trials by outcome."""
    counts: Counter[str] = Counter()
    for counter, amount in (job.get("TrainingJobStatusCounters") or {}).items():
        counts[TRIAL_COUNTERS.get(counter, counter)] += amount
    return counts


def _trial_counts(job: Mapping[str, Any]) -> str:
    counts = _counters(job)
    shown = dict.fromkeys(("completed", "failed", "stopped"), 0) | {
        word: count for word, count in counts.items() if count
    }
    return f"trials: {', '.join(f'{count} {word}' for word, count in shown.items())}"


def _definitions(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    single = job.get("TrainingJobDefinition")
    return [single] if single else list(job.get("TrainingJobDefinitions") or ())


def _facts(endpoint: aws.Endpoint, *requests: Mapping[str, Any]) -> dict[str, object]:
    """What the sentences are filled in with."""
    limits: dict[str, Any] = {}
    images: dict[str, None] = {}
    roles: dict[str, None] = {}
    types: dict[str, None] = {}
    for request in requests:
        limits = limits or request.get("StoppingCondition") or {}
        resources = request.get("ResourceConfig") or request.get("HyperParameterTuningResourceConfig") or {}
        images[(request.get("AlgorithmSpecification") or {}).get("TrainingImage", "")] = None
        roles[request.get("RoleArn", "")] = None
        groups = resources.get("InstanceGroups") or resources.get("InstanceConfigs") or [resources]
        types.update(
            dict.fromkeys(f"{each.get('InstanceCount', 1)} × {each.get('InstanceType', '')}" for each in groups)
        )
    return {
        "max_runtime": limits.get("MaxRuntimeInSeconds", "?"),
        "max_wait": limits.get("MaxWaitTimeInSeconds", "?"),
        "image": ", ".join(filter(None, images)) or "of the job",
        "instances": ", ".join(types),
        "role": ", ".join(filter(None, roles)),
        "region": endpoint.region,
    }


def _interruptions(job: Mapping[str, Any]) -> str:
    count = interruptions(job)
    if not count:
        return ""
    times = "once" if count == 1 else f"{count} times"
    resume = "" if job.get("CheckpointConfig") else "; with checkpoint_s3_uri it can go on where it was"
    return f"Its spot instances were reclaimed by AWS {times}{resume}."


def _model_so_far(job: Mapping[str, Any]) -> str:
    place = (job.get("ModelArtifacts") or {}).get("S3ModelArtifacts", "")
    return f"The model so far, if the training saved one, is at {place}" if place else ""


def _unsaid(reason: str, said: str, tail: LogTail) -> list[str]:
    """The lines of a reason of several lines, unless it is a piece of the log that is shown."""
    lines = [line.rstrip() for line in reason.splitlines() if line.strip()]
    is_log = any(len(line.strip()) >= 8 and line.strip() in reason for line in tail.lines)
    if len(lines) < 2 or is_log:
        return []
    return [f"{_INDENT}{cut(line, HEADLINE_LENGTH)}" for line in lines if one_line(line) not in said]


def _log_link(endpoint: aws.Endpoint, tail: LogTail) -> dict[str, str]:
    url = stream_link(endpoint, tail.stream) if tail.stream else ""
    return {f"Log of {tail.host}": url} if url else {}


def _written(account: _Account) -> str:
    """The account as text; where it is too long, lines in the middle of the log make way."""
    before = [one_line(account.first), *(printable(sentence) for sentence in account.sentences if sentence)]
    after = [f"{title}: {url}" for title, url in account.links.items() if len(url) <= _LONGEST_URL]
    if account.tail.note:
        before.append(account.tail.note)
    lines = [f"{_INDENT}{line}" for line in account.tail.lines]
    title = [f"last lines of the log of {account.tail.host}:"] if lines else []
    left_out = 0
    while True:
        middle = len(lines) // 2
        mark = [f"{_INDENT}... {left_out} lines are left out here ..."] if left_out else []
        text = "\n".join((*before, *title, *lines[:middle], *mark, *lines[middle:], *after))
        if len(text.encode()) <= MAX_BYTES:
            return text
        if not lines:
            return text.encode()[:MAX_BYTES].decode(errors="ignore")
        del lines[middle]
        left_out += 1
