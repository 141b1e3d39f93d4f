"""A create whose answer never arrives: the job is found again, not lost and not doubled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from .conftest import Flyte
from .test_jobs import TRAIN, inputs  # noqa: F401  (a fixture)


@pytest.fixture
def forgetful(use_sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway to the local SageMaker that swallows the answers to every create."""
    target = urlsplit(use_sagemaker.url)

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            upstream = HTTPConnection(target.hostname, target.port)
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            upstream.request("POST", "/", body, {**headers, "Host": target.netloc})
            answer = upstream.getresponse()
            content = answer.read()
            if "Create" in self.headers["X-Amz-Target"]:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as gateway:
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{gateway.server_port}"
        monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", url)
        yield url
        gateway.shutdown()


async def test_the_job_is_found_again(
    flyte: Flyte,
    inputs: dict[str, Any],  # noqa: F811
    forgetful: str,
    use_sagemaker: Any,
) -> None:
    meta = await flyte.create(TRAIN, inputs)

    assert not json.loads(meta)["failure"]
    assert (await flyte.end(TRAIN, meta)).phase == TaskExecution.SUCCEEDED
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    boto = boto3.client("sagemaker", region_name="us-east-1", endpoint_url=use_sagemaker.url, **keys)
    made = boto.list_training_jobs(NameContains=json.loads(meta)["name"])["TrainingJobSummaries"]
    assert len(made) == 1
