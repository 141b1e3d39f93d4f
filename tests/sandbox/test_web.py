"""Uploads, downloads and the console, over HTTP as clients and browsers use them."""

from __future__ import annotations

import hashlib
import http.client
import re
from base64 import b64encode
from pathlib import Path

import grpc
import pytest
import requests
from flyteidl.service import dataproxy_pb2, dataproxy_pb2_grpc

from flytekit_sagemaker.sandbox import Sandbox

from .support import DOMAIN, PROJECT, Client, scripted, settings

pytestmark = pytest.mark.xdist_group("sandbox")

CONTENT = b"label,feature\n" * 100_000
MD5 = hashlib.md5(CONTENT).digest()


def location(sandbox: Sandbox, **fields: object) -> dataproxy_pb2.CreateUploadLocationResponse:
    request = {"project": PROJECT, "domain": DOMAIN, "filename": "a.csv", "content_md5": MD5, **fields}
    with grpc.insecure_channel(sandbox.endpoint) as channel:
        stub = dataproxy_pb2_grpc.DataProxyServiceStub(channel)
        return stub.CreateUploadLocation(dataproxy_pb2.CreateUploadLocationRequest(**request))


def test_what_is_uploaded_is_where_it_was_announced(sandbox: Sandbox) -> None:
    announced = location(sandbox, filename_root="mine")
    answer = requests.put(announced.signed_url, data=CONTENT, headers={"Content-MD5": b64encode(MD5).decode()})
    assert answer.status_code == 200
    path = Path(announced.native_url.removeprefix("file://"))
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(sandbox.root)
    assert requests.put(announced.signed_url, data=b"other").status_code == 403  # once is enough
    assert path.read_bytes() == CONTENT


def test_damaged_content_is_not_kept(sandbox: Sandbox) -> None:
    announced = location(sandbox, filename_root="damaged")
    answer = requests.put(announced.signed_url, data=CONTENT[:-1])
    assert answer.status_code == 400
    assert MD5.hex() in answer.text
    folder = Path(announced.native_url.removeprefix("file://")).parent
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("wrong", ["../../a.csv", "..", "a//b", "a\0b", "50%.csv", "/etc/passwd"])
def test_no_upload_leaves_its_folder(sandbox: Sandbox, wrong: str) -> None:
    for field in ("filename", "filename_root"):
        with pytest.raises(grpc.RpcError) as raised:
            location(sandbox, **{field: wrong})
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_nothing_is_uploaded_without_an_announcement(sandbox: Sandbox) -> None:
    url = location(sandbox).signed_url
    assert requests.put(url.replace("/data/", "/data/x"), data=CONTENT).status_code == 403


def test_only_this_machine_is_answered(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection(sandbox.console_url.removeprefix("http://"))
    connection.request("GET", "/console", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 403


def test_the_console_shows_an_execution(sandbox: Sandbox, client: Client) -> None:
    execution = client.ended(client.train(scripted("w.shown"), print="<b>bold</b>", exit="3"))
    url = client.remote.generate_console_url(execution)
    page = requests.get(url).text
    assert "FAILED" in page
    assert "w.shown" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold</b>" not in page
    assert page.count("failed: AlgorithmError") == 1
    assert "w.shown (node wshown)" in page
    log = re.findall(r'href="([^"]*/console/jobs/[^"]*)"', page)[0]
    assert "&lt;b&gt;bold&lt;/b&gt;" in requests.get(log).text
    listed = requests.get(f"{sandbox.console_url}/console").text
    assert url in listed
    assert f"{PROJECT} / {DOMAIN}" in listed
    task = client.remote.register_task(scripted("w.task"), settings("v7"), "v7")
    assert client.remote.generate_console_url(client.remote.fetch_task(name="w.shown", version="v1")) in page
    assert "sagemaker_training_job_task" in requests.get(client.remote.generate_console_url(task)).text
    assert requests.get(f"{url}x").status_code == 404
    assert requests.get(f"{url}/nodes/wshown/deck").status_code == 200
    assert requests.get(f"{url}/nodes/..%2f..%2f../0/log").status_code == 404


def test_the_console_shows_the_outputs_of_a_single_task_once(client: Client) -> None:
    execution = client.ended(client.train(scripted("w.once"), write="model/m=1"))
    page = requests.get(client.remote.generate_console_url(execution)).text
    assert page.count(execution.outputs["model"].path) == 1
    assert page.count(">training_job_name<") == 1
