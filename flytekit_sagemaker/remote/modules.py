"""The modules of one's own that a module imports, read from their text: those that a job has to be given.

Read, not looked up among the modules that happen to be loaded: what a function imports while it runs is among them, and
the answer is the same in every process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_INSTALLED = ("flytekit_sagemaker",)  # an image for functions has this package


def own_modules(folders: Sequence[Path], names: Iterable[str]) -> dict[str, Path]:
    """Modules and all that they import, directly or not, as far as they lie in certain folders.

    Args:
        folders: where modules are imported from, the first that has one wins.
        names: full names; those of modules elsewhere, or of nothing at all, are passed over.

    Returns:
        The file of each by its name relative to its folder, sorted.
    """
    found: dict[str, Path] = {}
    left = list(names)
    while left:
        name = left.pop()
        root = next((folder for folder in folders if any(_files_of(folder, name))), None)
        if root is None:
            continue
        for file in _files_of(root, name):
            relative = file.relative_to(root).as_posix()
            if relative not in found:
                found[relative] = file
                left.extend(_imported(file, file.parent.relative_to(root).parts))
    return dict(sorted(found.items()))


def _files_of(root: Path, name: str) -> Iterator[Path]:
    """The files that an import of a name runs: the packages around it, and its own."""
    parts = name.split(".")
    if parts[0] in ("", *_INSTALLED):  # "": a relative import outside of any package, which fails anyway
        return
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        # As Python looks: a folder without __init__.py, of data perhaps, does not hide a module of its name.
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                yield file
                break


def _imported(file: Path, package: tuple[str, ...]) -> Iterator[str]:
    """The names that a module imports; of `from a import b`, both a and a.b, whichever is a module.

    A file that is no Python, or that of another version, imports nothing: whoever imports it has to expect that.
    """
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{each.name}" for each in node.names if each.name != "*")
