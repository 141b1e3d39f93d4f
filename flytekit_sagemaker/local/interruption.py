"""Spot interruptions on request: the one operation of the local SageMaker that SageMaker does not have.

It is asked for as every other operation is, and answered with an empty object::

    curl -H 'X-Amz-Target: SageMaker.InterruptTrainingJob' -d '{"TrainingJobName": "my-job"}' http://127.0.0.1:8642
"""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.local.store import Job, Kind, Page, Store

OPERATION = "InterruptTrainingJob"
_ANSWER_SECONDS = 30


class NotInterrupted(UserError):
    """The job was not interrupted; the message says why in one sentence."""


def interrupt(url: str, job: str, access_key: str = "local") -> None:
    """Interrupt a training job of the local SageMaker at ``url``, as AWS does when it takes spot instances back.

    Args:
        url: the server's endpoint.
        job: name of a training job, be it a trial of a tuning job.
        access_key: the access key id that the server asks for, if it asks for one.

    Raises:
        NotInterrupted: there is no such server or job, the job does no managed spot training, or it is not training.
    """
    headers = {
        "X-Amz-Target": f"SageMaker.{OPERATION}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access_key}/00000000/us-east-1/sagemaker/aws4_request",
    }
    body = json.dumps({"TrainingJobName": job}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=_ANSWER_SECONDS):
            return
    except urllib.error.HTTPError as refusal:
        message = _message(refusal) or f"It does not interrupt jobs: {refusal}"
        raise NotInterrupted(f"{message.rstrip('.')} (at {url}).") from None
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "reason", fault)
        raise NotInterrupted(
            f"No local SageMaker answers at {url} ({reason}). flytekit-sagemaker serve starts one; the one that "
            "a plain `python workflow.py` has for itself serves nobody else."
        ) from None


def _message(refusal: urllib.error.HTTPError) -> str:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        answer: Mapping[str, Any] = json.loads(refusal.read())
        return str(answer.get("message") or answer.get("Message") or "")
    return ""


def no_training_job(name: str, store: Store) -> str:
    """What to say of a name that is no training job's: which jobs there are."""
    tuning_job = store.find(Kind.TUNING, name)
    if tuning_job is not None:
        running = [trial.name for trial in store.trials(tuning_job.name) if not trial.ended]
        those = f"; its running trials are {', '.join(running)}" if running else " none of whose trials is running"
        return f"{tuning_job.name} is a tuning job{those}."
    latest, _ = store.page(Page(Kind.TRAINING, descending=True, limit=5))
    names = ", ".join(job.name for job in latest)
    others = f"; its latest training jobs are {names}" if names else ", nor any other"
    return f"This local SageMaker has no training job {name}{others}."


def problem(job: Job) -> str:
    """Why a training job cannot be interrupted now, or an empty string."""
    if not job.description["EnableManagedSpotTraining"]:
        return f"The training job {job.name} cannot be interrupted: it does no managed spot training."
    status = job.description["SecondaryStatus"]
    if status != "Training":
        return f"The training job {job.name} cannot be interrupted in status {status}, only in status Training."
    return ""
