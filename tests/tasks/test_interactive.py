"""A function that was typed into a notebook is trained and tuned from there."""

from __future__ import annotations

from typing import Any

import nbclient
import nbformat

CELLS = [
    """
from flytekit_sagemaker import SdkSimpleHPOJobTask, custom_training_job_task, report_metric
from flytekit_sagemaker.models.training_job import TrainingJobConfig

OFFSET = 2


def shifted(depth):
    return float(depth + OFFSET)


@custom_training_job_task(training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10))
def fit(depth: int) -> float:
    report_metric("loss", shifted(depth))
    return shifted(depth)


fit(depth=3)
""",
    """
tune = SdkSimpleHPOJobTask(fit, 2, 1, tunable_parameters=["depth"])
search = {"tuning_strategy": "GRID", "tuning_objective": {"objective_type": "MINIMIZE", "metric_name": "loss"}}
tune(
    depth={"categorical_parameter_range": {"values": ["4", "1"]}}, hyperparameter_tuning_job_config=search
).best_objective
""",
]


def test_a_function_in_a_cell_is_trained_and_tuned(use_sagemaker: Any) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    results = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.outputs
        if output["output_type"] == "execute_result"
    ]
    assert results == ["5.0", "3.0"]
