"""The slow libraries of users' functions: the launcher imports them itself once a function has needed them."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import mmap
import os
import site
import sys
import sysconfig
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

# Importing these leaves no thread behind, in the environment below, and forks can use them with as many as they like.
LIBRARIES = (
    "numpy",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.stats",
    "pyarrow",
    "pyarrow.parquet",
    "pandas",
    "mashumaro.jsonschema",
    "joblib",
    "sklearn",
    "sklearn.cluster",
    "sklearn.datasets",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "xgboost",
    "lightgbm",
)
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
_INSTALLATION = tuple(map(Path, (sysconfig.get_path("stdlib"), *site.getsitepackages(), site.getusersitepackages())))


class Preloading(MetaPathFinder):
    """Which libraries the forks have used, and which the launcher has imported since.

    A fork says what it has used through memory that it shares with the launcher, a byte for each library. Only what
    lies in the interpreter's own installation counts. In a fork this is a finder of ``sys.meta_path`` too, and forgets
    what other folders of ``sys.path`` have modules of their own for.
    """

    def __init__(self) -> None:
        self._used = mmap.mmap(-1, len(LIBRARIES))
        self._tried: set[str] = set()
        self._preloaded = {_top(library) for library in LIBRARIES}

    def learn(self) -> None:
        """In the launcher: import what has been used since the last time, as long as no import leaves a thread."""
        wanted = [each for each, used in zip(LIBRARIES, self._used[:], strict=True) if used and each not in self._tried]
        if not wanted:
            return
        path, loaded = sys.path[:], set(sys.modules)
        sys.path[:] = filter(_is_installed, path)
        for library in wanted:
            if _threads() == 1:
                self._tried.add(library)
                try:
                    vars(importlib.import_module(library))  # flytekit has some loaded by the first look at them
                except Exception:  # the next process that needs it meets the error itself
                    sys.modules.pop(library, None)
        sys.path[:] = path
        self._preloaded |= set(map(_top, sys.modules)) - set(map(_top, loaded))
        gc.freeze()

    def report(self) -> None:
        """In a fork that has done its work: leave word of what it has used."""
        for index, library in enumerate(LIBRARIES):
            module = sys.modules.get(library)
            if type(module) is ModuleType and _is_installed(str(getattr(module, "__file__", ""))):  # not: still lazy
                self._used[index] = 1

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find nothing, but notice modules of other folders: a function's code may be brought here after the fork."""
        others = [folder for folder in sys.path if not _is_installed(folder)]
        if path is None and _has(others, name):
            own = {each for each in self._preloaded if _has(others, each)}
            self._preloaded -= own
            for module in [module for module in sys.modules if _top(module) in own]:
                del sys.modules[module]
        return None


def _top(module: str) -> str:
    return module.partition(".")[0]


@functools.cache
def _is_installed(path: str) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in _INSTALLATION)


def _has(folders: Sequence[str], name: str) -> bool:
    spec = PathFinder.find_spec(name, folders)
    return spec is not None and spec.origin is not None


def _threads() -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/task"))
    return threading.active_count()
