"""Imports point down: which part of the package may know which other, read from the syntax trees.

``tasks`` and ``connector`` never know each other: they meet in the task template alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import flytekit_sagemaker

ROOT = Path(flytekit_sagemaker.__file__).parent

LEAVES = {
    "arguments",
    "background",
    "clock",
    "errors",
    "masking",
    "partitions",
    "refusals",
    "types",
    "status",
    "settings",
} | {"uris"}
ANYTHING = {part.stem for part in ROOT.iterdir()} - {"testing"}

# Part of the package: the other parts that it may import.
ARROWS: dict[str, set[str]] = {
    "errors": {"masking"},
    "types": set(),
    "status": set(),
    "setting_values": set(),
    "settings": {"setting_values", "errors"},
    "uris": set(),
    "recordio": {"_generated", "errors"},
    "clock": set(),
    "background": set(),
    "masking": {"container"},
    "partitions": set(),
    "telemetry": set(),
    "logs": set(),
    "arguments": {"errors"},
    "_generated": set(),
    "models": {"_generated", "arguments", "types", "errors"},
    "algorithms": {"types", "errors", "uris"},
    "requests": {"container", "algorithms", "models", "types", "errors", "uris"},
    "container": {"errors", "uris"},
    "images": {"errors"},
    "reporting": {"models", "errors", "masking"},
    "refusals": {"errors"},
    "aws": {"refusals", "settings", "telemetry", "partitions"},
    "placement": {"aws", "requests", "models", "setting_values", "settings", "errors", "uris"},
    "connector": {"aws", "placement", "requests", "reporting", "models", "algorithms", "container", "telemetry", "logs"}
    | LEAVES,
    "local": {
        "requests",
        "algorithms",
        "models",
        "container",
        "recordio",
        "settings",
        "background",
        "clock",
        "types",
        "errors",
        "uris",
    },
    "sandbox": {"local", "reporting"} | LEAVES,
    "transformers": {"models"},
    "tasks": {"transformers", "reporting", "container", "models"} | LEAVES,
    "remote": {"tasks", "reporting", "models"} | LEAVES,
    "sdk": {"tasks", "models"} | LEAVES,
    "kubeflow": {"aws", "connector", "requests", "reporting", "models", "algorithms", "container"} | LEAVES,
    "testing": ANYTHING,
    "cli": ANYTHING,
    "demo": ANYTHING,
    "__init__": ANYTHING,
}

# Allowed inside a function only: what is loaded on demand, and would be heavy or upward at import time.
ON_DEMAND: dict[str, set[str]] = {"placement": {"local"}, "tasks": {"remote"}, "__init__": {"tasks"}}

# Libraries that are slow to import, or optional: the only parts that may import them.
LIBRARIES: dict[str, set[str]] = {
    "prometheus_client": {"telemetry"},
    "boto3": set(),
    "botocore": {"aws", "refusals", "partitions", "requests", "local", "testing"},
    "optuna": {"local"},
    "xgboost": {"local"},
    "pandas": {"local", "remote", "tasks"},
    "sklearn": {"local"},
    "scipy": {"local", "recordio"},
}


class Import(NamedTuple):
    part: str
    module: str
    in_function: bool
    where: str


def imports() -> Iterator[Import]:
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner = {id(node) for scope in ast.walk(tree) if _defers(scope) for node in ast.walk(scope)}
        for node in ast.walk(tree):
            for module in _modules(node, relative):
                yield Import(
                    relative.parts[0].removesuffix(".py"), module, id(node) in inner, f"{relative}:{node.lineno}"
                )  # type: ignore[attr-defined]


def _defers(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or (
        isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )


def _modules(node: ast.AST, relative: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, f"{relative}:{node.lineno} imports relatively; write the whole name"
    if node.module == ROOT.name:
        return [f"{ROOT.name}.{name.name}" for name in node.names]
    return [str(node.module)]


def test_every_part_of_the_package_has_its_arrows() -> None:
    parts = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts <= set(ARROWS)


def test_imports_point_down() -> None:
    wrong = []
    for found in imports():
        package, _, rest = found.module.partition(".")
        target = rest.partition(".")[0]
        if package != ROOT.name or target in ("", found.part):
            continue
        on_demand = ON_DEMAND.get(found.part, set()) if found.in_function else set()
        if target not in ARROWS[found.part] | on_demand:
            wrong.append(f"{found.where}: {found.part} must not import {target}")
    assert wrong == []


def test_heavy_and_optional_libraries_stay_where_they_belong() -> None:
    wrong = [
        f"{found.where}: {found.part} must not import {found.module}"
        for found in imports()
        if found.part not in LIBRARIES.get(found.module.partition(".")[0], {found.part})
    ]
    assert wrong == []


@pytest.mark.parametrize("part", ["aws", "partitions", "requests"])
def test_boto_is_imported_inside_functions(part: str) -> None:
    early = [
        found.where
        for found in imports()
        if found.part == part and found.module.startswith("boto") and not found.in_function
    ]
    assert early == []
