"""Run a compiled pipeline on this machine, each step as Kubeflow Pipelines would run it in a pod.

    python run_steps.py kmeans_tuning.yaml --arguments digits.json max_num_jobs=4

A step is a process of its own with the command line that its component says, placeholders filled in; what it hands to
later steps it writes into the files that the command line names. Only the image is missing: programs are looked for on
this machine, beside this interpreter first. What the steps print goes to standard error; their outputs are printed as
JSON at the end, and stay in a folder each.

Steps with parameters, that is; conditions, loops and artifacts are left to Kubeflow.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml


class PipelineError(Exception):
    """The pipeline cannot run here, its arguments are wrong, or a step failed."""


def run(specification: Mapping[str, Any], arguments: Mapping[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """Run every step of a pipeline, each after those whose outputs it takes.

    Args:
        specification: what kfp's compiler wrote.
        arguments: values of the pipeline's parameters; those left out have their defaults.
        folder: gets a folder for each step, with what it was given and what it wrote.

    Returns:
        the outputs of each step.

    Raises:
        PipelineError: a kind of step that this runner does not know, a missing argument, or a step that failed.
    """
    root = specification["root"]
    parameters = with_defaults(root, arguments)
    tasks = root["dag"]["tasks"]
    components = {name: specification["components"][task["componentRef"]["name"]] for name, task in tasks.items()}
    refuse_other_kinds(tasks, components)
    outputs: dict[str, dict[str, Any]] = {}
    earlier = {name: task.get("dependentTasks", []) for name, task in tasks.items()}
    for name in TopologicalSorter(earlier).static_order():
        sources = tasks[name].get("inputs", {}).get("parameters", {})
        given = {key: value_of(source, parameters, outputs) for key, source in sources.items()}
        container = specification["deploymentSpec"]["executors"][components[name]["executorLabel"]]["container"]
        print(f"== {name}", file=sys.stderr, flush=True)
        step = Step(name, container, with_defaults(components[name], given), components[name], folder / name)
        outputs[name] = step.run()
    return outputs


def refuse_other_kinds(tasks: Mapping[str, Any], components: Mapping[str, Any]) -> None:
    """Raises PipelineError where a step is more than a process with parameters."""
    for name, component in components.items():
        definitions = [component.get(each, {}) for each in ("inputDefinitions", "outputDefinitions")]
        if "dag" in component or {"triggerPolicy", "parameterIterator", "artifactIterator"} & set(tasks[name]):
            raise PipelineError(f"{name} is a condition, a loop or a pipeline of its own: run it on Kubeflow")
        if any("artifacts" in each for each in definitions):
            raise PipelineError(f"{name} takes or makes artifacts: run it on Kubeflow")


def with_defaults(component: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a component or pipeline: as given, or its defaults; absent where there are neither."""
    definitions = component.get("inputDefinitions", {}).get("parameters", {})
    given = {key: value for key, value in given.items() if value is not None}
    missing = [key for key, each in definitions.items() if key not in given and not each.get("isOptional")]
    if missing:
        raise PipelineError(f"no value for {', '.join(missing)}")
    defaults = {key: each["defaultValue"] for key, each in definitions.items() if "defaultValue" in each}
    return {key: whole(value) for key, value in {**defaults, **given}.items()}


def value_of(source: Mapping[str, Any], parameters: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """Where an input of a step comes from: the pipeline's own parameters, an earlier step, or the pipeline's text."""
    if "componentInputParameter" in source:
        return parameters.get(source["componentInputParameter"])
    if "taskOutputParameter" in source:
        produced = source["taskOutputParameter"]
        return outputs[produced["producerTask"]][produced["outputParameterKey"]]
    return source["runtimeValue"]["constant"]


def whole(value: Any) -> Any:
    """A value with its whole floats as integers: the compiled form has but one kind of number."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def placeholders_of(inputs: Mapping[str, Any]) -> dict[str, str]:
    """How a command line names each input, with what stands there instead: texts bare, the rest as JSON."""
    return {
        f"{{{{$.inputs.parameters['{key}']}}}}": value if isinstance(value, str) else json.dumps(value)
        for key, value in inputs.items()
    }


# What values of each type of parameter are in Python, and in words. The rest are texts.
TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "BOOLEAN": (bool, "True or False"),
    "LIST": (list, "a JSON array"),
    "STRUCT": (dict, "a JSON object"),
    "NUMBER_INTEGER": (int, "a whole number"),
    "NUMBER_DOUBLE": ((int, float), "a number"),
}


def parsed(text: str, kind: str) -> Any:
    """The value of a parameter from its text.

    Raises:
        ValueError: the text is none of this type; the message says what it must be.
    """
    if kind not in TYPES:
        return text
    python_type, words = TYPES[kind]
    malformed = ""
    try:
        value = whole(json.loads(text.lower() if kind == "BOOLEAN" else text))
        if isinstance(value, python_type) and isinstance(value, bool) is (kind == "BOOLEAN"):
            return value
    except json.JSONDecodeError as error:
        if kind in ("LIST", "STRUCT"):
            malformed = f" ({error.msg}: line {error.lineno}, column {error.colno})"
    raise ValueError(f"must be {words}{malformed}")


class Step:
    """One step of a pipeline: its command line, its process, and the files in which it leaves its outputs.

    Args:
        name: of the task in its pipeline.
        container: image, command and environment, with placeholders.
        inputs: values of its parameters.
        component: its definition.
        folder: where its files are to be.
    """

    def __init__(
        self,
        name: str,
        container: Mapping[str, Any],
        inputs: Mapping[str, Any],
        component: Mapping[str, Any],
        folder: Path,
    ) -> None:
        self.name, self.container, self.folder = name, container, folder.resolve()
        definitions = component.get("outputDefinitions", {}).get("parameters", {})
        self.kinds = {key: each["parameterType"] for key, each in definitions.items()}
        self.files = {key: self.folder / "outputs" / key for key in self.kinds}
        self.executor_output = self.folder / "executor_output.json"
        # A text that the pipeline put together names the parameters that it is made of.
        self.placeholders = placeholders_of(inputs)
        self.inputs = {key: self.filled(value) if isinstance(value, str) else value for key, value in inputs.items()}
        self.executor_input = {
            "inputs": {"parameterValues": self.inputs},
            "outputs": {
                "parameters": {key: {"outputFile": str(file)} for key, file in self.files.items()},
                "outputFile": str(self.executor_output),
            },
        }
        self.placeholders = {
            "{{$}}": json.dumps(self.executor_input),
            "{{$.pipeline_task_name}}": name,
            **placeholders_of(self.inputs),
            **{f"{{{{$.outputs.parameters['{key}'].output_file}}}}": str(file) for key, file in self.files.items()},
        }

    @property
    def command(self) -> list[str]:
        """The command line, its placeholders filled in."""
        elements = (*self.container.get("command", ()), *self.container.get("args", ()))
        return [text for element in elements for text in self.expanded(element)]

    def filled(self, text: str) -> str:
        """A text with values in place of its placeholders."""
        return re.sub(r"\{\{\$.*?\}\}", lambda found: self.placeholders.get(found[0], found[0]), text)

    def expanded(self, element: Any) -> list[str]:
        """What an element of a command line stands for: an argument, none, or several."""
        if isinstance(element, str) and element.startswith(('{"IfPresent":', '{"Concat":')):
            element = json.loads(element)
        if isinstance(element, str):
            return [self.filled(element)]
        if "Concat" in element:
            return ["".join(text for part in element["Concat"] for text in self.expanded(part))]
        choice = element["IfPresent"]
        chosen = choice["Then"] if choice["InputName"] in self.inputs else choice.get("Else", [])
        return [text for part in (chosen if isinstance(chosen, list) else [chosen]) for text in self.expanded(part)]

    def run(self) -> dict[str, Any]:
        """Run the step and return its outputs.

        Raises:
            PipelineError: it failed, or left an output out.
        """
        (self.folder / "outputs").mkdir(parents=True, exist_ok=True)
        for file in (self.executor_output, *self.files.values()):
            file.unlink(missing_ok=True)
        (self.folder / "executor_input.json").write_text(json.dumps(self.executor_input, indent=2))
        (self.folder / "command.json").write_text(json.dumps(self.command, indent=2))
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        environment |= {each["name"]: each.get("value", "") for each in self.container.get("env", ())}
        # In a group of its own, so that Ctrl-C reaches it the way it would in a pod: as SIGTERM.
        with subprocess.Popen(
            self.command, cwd=self.folder, env=environment, stdout=sys.stderr, start_new_session=True
        ) as process:
            try:
                code = process.wait()
            except KeyboardInterrupt:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
                raise
        if code:
            raise PipelineError(f"{self.name} ended with exit code {code}")
        return self._outputs()

    def _outputs(self) -> dict[str, Any]:
        # Components of Python functions write all their outputs into one file, the others each into its own.
        if self.executor_output.exists():
            return dict(json.loads(self.executor_output.read_text()).get("parameterValues", {}))
        read = {}
        for key, file in self.files.items():
            try:
                read[key] = parsed(file.read_text(), self.kinds[key])
            except FileNotFoundError:
                raise PipelineError(f"{self.name} did not write its output {key} to {file}") from None
            except ValueError as error:
                raise PipelineError(f"what {self.name} wrote for its output {key} {error}: {file}") from None
        return read


def read_pipeline(file: Path) -> dict[str, Any]:
    """A compiled pipeline from its file; raises PipelineError where there is none."""
    try:
        specification = next(yaml.safe_load_all(file.read_text()), None)
    except OSError as error:
        raise PipelineError(f"the pipeline {file} cannot be read: {error.strerror}") from None
    except (ValueError, yaml.YAMLError):
        specification = None
    if not isinstance(specification, dict) or not {"root", "components", "deploymentSpec"} <= set(specification):
        raise PipelineError(f"{file} is no pipeline as `kfp dsl compile` writes it")
    return specification


def read_arguments(file: Path) -> dict[str, Any]:
    """Arguments from their file; raises PipelineError where there are none."""
    try:
        given = json.loads(file.read_text())
    except OSError as error:
        raise PipelineError(f"the arguments {file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise PipelineError(f"the arguments {file} are not JSON: {error}") from None
    if not isinstance(given, dict):
        raise PipelineError(f"the arguments {file} must be a JSON object of parameters")
    return given


def hint_for(specification: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """A sentence for whoever gave data of this machine to AWS, or an empty text."""
    definitions = specification["root"].get("inputDefinitions", {}).get("parameters", {})
    if "endpoint_url" not in definitions:
        return ""
    usual = definitions["endpoint_url"].get("defaultValue") or os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER")
    if arguments.get("endpoint_url") or usual:
        return ""
    here = next((text for text in texts_in(arguments) if text.startswith("file://") or is_path_here(text)), "")
    hint = ". {} is on this machine: AWS does not see it, a local SageMaker does: endpoint_url=http://127.0.0.1:8642"
    return hint.format(here) if here else ""


def is_path_here(text: str) -> bool:
    """Whether a text is the path of something on this machine."""
    return text.startswith(("/", "./", "../")) and os.path.exists(text)


def texts_in(value: Any) -> Iterator[str]:
    """The texts inside a value."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_in(each)


def arguments_of(specification: Mapping[str, Any], file: Path | None, texts: list[str]) -> dict[str, Any]:
    """The arguments of a run: those of a JSON file, and over them those of the command line."""
    definitions = specification["root"].get("inputDefinitions", {}).get("parameters", {})
    given = read_arguments(file) if file else {}
    if bare := [each for each in texts if "=" not in each]:
        raise PipelineError(f"{bare[0]!r} is not NAME=VALUE")
    written = {name: text for name, _, text in (each.partition("=") for each in texts)}
    unknown = [name for name in {**given, **written} if name not in definitions]
    if unknown:
        close = [match for name in unknown for match in difflib.get_close_matches(name, definitions, n=1)]
        hint = f". Did you mean {', '.join(close)}?" if close else ""
        has = ", ".join(definitions)
        raise PipelineError(f"no parameters of this pipeline: {', '.join(unknown)}; it has {has}{hint}")
    for name, text in written.items():
        kind = definitions[name]["parameterType"]
        try:
            given[name] = parsed(text, kind)
        except ValueError as error:
            raise PipelineError(f"{name} = {text!r} {error}") from None
    return given


def main() -> int:
    """Run what the command line says.

    The exit code is 1 where a step failed, and 130 after Ctrl-C or SIGTERM, with a sentence on standard error.
    """
    parser = argparse.ArgumentParser(description="Run a compiled Kubeflow pipeline step by step on this machine.")
    parser.add_argument("pipeline", type=Path, help="what `kfp dsl compile` wrote")
    parser.add_argument("--arguments", type=Path, metavar="FILE", help="JSON object with pipeline parameters")
    parser.add_argument("--folder", type=Path, default=Path("steps"), help="of the steps (default: %(default)s)")
    parser.add_argument(
        "texts", nargs="*", default=[], metavar="NAME=VALUE", help="pipeline parameter; JSON unless it is a text"
    )
    options = parser.parse_intermixed_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    hint = ""
    try:
        specification = read_pipeline(options.pipeline)
        arguments = arguments_of(specification, options.arguments, options.texts)
        hint = hint_for(specification, arguments)
        print(json.dumps(run(specification, arguments, options.folder), indent=2))
    except PipelineError as error:
        print(f"run_steps: {error}{hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("run_steps: interrupted; the steps that had ended have left their outputs", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
