"""Outputs of every shape, read by their handles."""

from __future__ import annotations

from pathlib import Path

from flytekit_sagemaker import fetch_execution
from flytekit_sagemaker.sandbox import Sandbox
from tests.remote import functions


def test_outputs_of_every_shape(flyte: Sandbox) -> None:
    launched = functions.make.register_and_launch("flyteexamples", "development", inputs={"text": "hi"}).wait()
    assert launched.outputs["array"].tolist() == [0, 1, 2]
    for outputs in (launched.outputs, fetch_execution(launched.id).outputs):
        assert outputs["nothing"] is None
        (file,) = outputs["files"]
        for each in (file, outputs["maybe"]):
            assert Path(each).read_text() == "hi"
            assert each.uri.startswith("file://")
            assert each.uri.endswith("/a name ü.txt")
        folder = outputs["folders"]["one"]
        assert Path(folder, "b.txt").read_text() == "hi"
        assert folder.uri.startswith("file://")
