"""What Flyte's console and ``pyflyte run --help`` say about the tasks' inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_INPUTS = {
    "static_hyperparameters": "Hyperparameters that stay the same, by name.",
    "hyperparameters": "Hyperparameters of the function, by name.",
    "stopping_condition": "How long each training job may take.",
    "hyperparameter_tuning_job_config": "Strategy, objective and limits of the search.",
}
_OUTPUTS = {
    "model": "The model, as model.tar.gz.",
    "training_job_name": "Name of the SageMaker training job.",
    "final_metrics": "Last value of each metric.",
    "hpo_job_name": "Name of the SageMaker tuning job.",
    "best_job_name": "Name of the best training job.",
    "best_hyperparameters": "All hyperparameters of the best training job, as texts.",
    "best_objective": "Objective metric of the best training job.",
    "training_image": "URI of the training image.",
    "model_artifact_url": "URI of the best model.",
    "trials": "One row per training job.",
}


@dataclass(frozen=True)
class Descriptions:
    """A task's documentation in the form that flytekit's ``Interface`` takes as a docstring."""

    short_description: str
    input_descriptions: dict[str, str]
    output_descriptions: dict[str, str]
    long_description: str = ""


def describe_function(
    docstring: Any, summary: str, inputs: Iterable[str], channels: Iterable[str], outputs: Iterable[str]
) -> Any:
    """The descriptions of a task that runs a function: the function's own, and those of what is pre-defined.

    Args:
        docstring: what flytekit knows of the function's docstring, or None.
        summary: one sentence for a function without a docstring.
        inputs: names of the inputs.
        channels: the inputs that are channels.
        outputs: names of the outputs; those of a function of class style are among its parameters.
    """
    predefined = describe("", inputs, (), channels).input_descriptions
    own = dict(docstring.input_descriptions or {}) if docstring else {}
    kept = {name: text for name, text in predefined.items() if name in _INPUTS or name in set(channels)}
    return Descriptions(
        short_description=(docstring and docstring.short_description) or summary,
        input_descriptions={**kept, **{name: text for name, text in own.items() if text}},
        output_descriptions=_described(outputs, own) or dict((docstring and docstring.output_descriptions) or {}),
        long_description=(docstring and docstring.long_description) or "",
    )


def _described(outputs: Iterable[str], own: Mapping[str, str | None]) -> dict[str, str]:
    """The descriptions of outputs that are parameters: of all, since flytekit takes a single one for all of them."""
    described = {name: own.get(name) or name for name in outputs}
    return described if any(own.get(name) for name in described) else {}


def describe(summary: str, inputs: Iterable[str], outputs: Iterable[str], channels: Iterable[str]) -> Any:
    """The descriptions of a task; an input that is neither pre-defined nor a channel is the range of a hyperparameter.

    Args:
        summary: one sentence about the task.
        inputs, outputs: their names.
        channels: the inputs that are channels.
    """
    data = {channel: f"Data of the {channel} channel: a directory, here or at an s3:// URI." for channel in channels}
    known = {**_INPUTS, **data}
    return Descriptions(
        short_description=summary,
        input_descriptions={name: known.get(name, f"Range to search for {name}.") for name in inputs},
        output_descriptions={name: _OUTPUTS.get(name, "") for name in outputs},
    )
