"""Metrics in the log of a training job: the line that is printed, and the expression that finds it again.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html
"""

from __future__ import annotations

import ast
import functools
import json
import operator
import re
import sys
import textwrap

from flytekit_sagemaker.container import job
from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.container.distributed import DistributedContext
from flytekit_sagemaker.errors import InvalidInput, Problem

MAX_NAME_CHARACTERS = 255
MAX_REGEX_CHARACTERS = 500

_FINITE = r"(-?[0-9][0-9.e+-]*)"


def report_metric(name: str, value: float, step: int | None = None) -> None:
    """Print a metric, so that SageMaker shows it and a tuning job can aim for it.

    Every call is one point of the metric's series; the last one is its final value. Of a job with several hosts only
    the first one's values count; those of the others are in the log alone. A value that is not finite is printed, too,
    and not counted.

    Args:
        name: the metric's name, such as ``validation:error``.
        value: anything that ``float`` takes.
        step: the number of the epoch or round, for whoever reads the log.

    Raises:
        InvalidInput: a name that a metric cannot have, a value that is no number, a step that is no whole number.
    """
    problems = _problems(name)
    number = float("nan")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        remedy = "An array has to be reduced to one number first."
        problems.append(Problem("value", value, "must be a number that float() takes", remedy))
    try:
        ending = "" if step is None else f" step={operator.index(step)}"
    except TypeError:
        problems.append(Problem("step", step, "must be a whole number"))
    if problems:
        raise InvalidInput("report_metric", problems)
    context = DistributedContext.of(Contract.here())
    source = "" if context.is_first else f"of {context.current_host} "
    sys.stdout.write(f"{_beginning(name, source)}{number!r}{ending}\n")  # one write: lines of threads stay whole
    sys.stdout.flush()
    if context.is_first and (known := job.current().metrics) is not None and name not in known:
        known.add(name)  # is told once
        remedy = f"Give the task metrics=[{json.dumps(name, ensure_ascii=False)}]"
        print(f"The metric {name} has no definition, so that SageMaker does not keep it. {remedy}.", file=sys.stderr)


def metric_definition(name: str) -> tuple[str, str]:
    """Name and regular expression of the metric definition that catches what ``report_metric`` prints.

    Raises:
        InvalidInput: a name that a metric cannot have.
    """
    if problems := _problems(name):
        raise InvalidInput("metric definition", problems)
    return name, _regex(name)


@functools.lru_cache(maxsize=16)  # each task of a module asks for the same text
def reported_names(source: str) -> tuple[str, ...]:
    """The names that a module's or function's source hands to ``report_metric`` as they are, in order.

    Names that are computed are not among them. Nothing is found in a text that is no Python.
    """
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return ()
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and report_metric.__name__ in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
    ]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    given = [[*call.args[:1], *(each.value for each in call.keywords if each.arg == "name")] for call in calls]
    literals = [node.value for nodes in given for node in nodes if isinstance(node, ast.Constant)]
    return tuple(dict.fromkeys(each for each in literals if isinstance(each, str)))


def _beginning(name: str, source: str = "") -> str:
    # In quotes, as JSON has them, no name can be taken for another one followed by a value.
    return f"sagemaker-metric {source}{json.dumps(name, ensure_ascii=False)} = "


def _regex(name: str) -> str:
    return re.escape(_beginning(name)) + _FINITE


def _problems(name: str) -> list[Problem]:
    if not isinstance(name, str) or not name:
        return [Problem("name", name, "must be a text that is not empty")]
    problems = []
    if not name.isprintable():
        remedy = "SageMaker changes other characters, such as tabs, in the log."
        problems.append(Problem("name", name, "must have printable characters only", remedy))
    if len(name) > MAX_NAME_CHARACTERS:
        problems.append(Problem("name", name, f"must have at most {MAX_NAME_CHARACTERS} characters"))
    elif (length := len(_regex(name))) > MAX_REGEX_CHARACTERS:
        rule = f"makes a regular expression of {length} characters, of which SageMaker allows {MAX_REGEX_CHARACTERS}"
        problems.append(Problem("name", name, rule, "Take a shorter name, or one with fewer special characters."))
    return problems
