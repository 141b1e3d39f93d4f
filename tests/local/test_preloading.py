"""What functions import is preloaded for those that come after them, and nothing else is."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flytekit_sagemaker.local.server import LocalSageMaker

from .function_jobs import carried, with_image
from .support import Jobs

FUNCTIONS = """
import sys
from types import ModuleType

LIBRARY = {library!r}
print("preloaded" if type(sys.modules.get(LIBRARY)) is ModuleType else "not preloaded")
{imports}
from flytekit import task


@task
def square(x: int) -> int:
    {work}
    return x
"""

EVERYTHING = """
import contextlib
import importlib

from flytekit_sagemaker.local.preloading import LIBRARIES

for library in LIBRARIES:
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module(library)

import numpy, pandas, xgboost
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

def train():
    data = numpy.random.rand(2000, 4)
    labels = data[:, 0] > 0.5
    HistGradientBoostingClassifier(max_iter=3).fit(data, labels)
    RandomForestClassifier(4, n_jobs=2).fit(data, labels)
    KMeans(2).fit(data)
    xgboost.train({"nthread": 2}, xgboost.DMatrix(pandas.DataFrame(data), labels), 2)
    print("trained")
"""


class Functions(Jobs):
    """Jobs of functions that are written as they are needed."""

    def run(self, name: str, library: str, imports: str, work: str = "pass", **variables: str) -> str:
        """The log of a job whose function has been written into the folder of the server."""
        self.write(self.folder, library, imports, work)
        self.train(
            name,
            AlgorithmSpecification=with_image("any/image"),
            Environment={**carried(self.folder), **variables},
        )
        self.ended(name)
        return self.log(name).lstrip()

    def write(self, folder: Path, library: str, imports: str, work: str = "pass") -> None:
        (folder / "functions.py").write_text(FUNCTIONS.format(library=library, imports=imports, work=work))

    @property
    def threads_of_launcher(self) -> int:
        return len(list(Path(f"/proc/{self.server.launcher_pid}/task").iterdir()))


@pytest.fixture
def functions(new_server: Callable[..., LocalSageMaker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Functions:
    monkeypatch.chdir(tmp_path)
    return Functions(new_server(), tmp_path)


def own_numpy(folder: Path) -> Path:
    """A folder with the user's own numpy, and nothing else that has to do with it."""
    folder.mkdir(exist_ok=True)
    (folder / "numpy.py").write_text("print('numpy of the user')")
    return folder


def test_what_a_function_has_imported_is_there_for_the_next_and_works_with_threads(functions: Functions) -> None:
    assert "not preloaded" in functions.run("first", "sklearn", EVERYTHING)
    log = functions.run("second", "sklearn", EVERYTHING, "train()")
    assert log.startswith("preloaded")
    assert "trained" in log
    assert functions.threads_of_launcher == 1


def test_processes_of_a_function_s_own_come_to_an_end_with_it(functions: Functions) -> None:
    work = "print(joblib.Parallel(2)(joblib.delayed(abs)(each) for each in (-1, -2)))"
    for name in ("first", "second"):
        log = functions.run(name, "joblib", "import joblib, numpy", work)
        assert "[1, 2]" in log
        assert "leaked" not in log


def test_a_library_that_flytekit_loads_on_demand_is_preloaded_once_it_was_demanded(functions: Functions) -> None:
    assert "not preloaded" in functions.run("bystander", "pandas", "")
    assert "not preloaded" in functions.run("first", "pandas", "import pandas; pandas.DataFrame()")
    assert functions.run("second", "pandas", "import pandas; pandas.DataFrame()").startswith("preloaded")


def test_what_a_failed_function_has_imported_counts_and_what_a_killed_one_has_does_not(functions: Functions) -> None:
    functions.run("killed", "numpy", "import numpy, os; os.kill(os.getpid(), 9)")
    assert "not preloaded" in functions.run("failed", "numpy", "import numpy; 1 / 0")
    assert functions.run("next", "numpy", "").startswith("preloaded")


def test_a_module_of_the_user_s_comes_before_the_preloaded_one(functions: Functions, tmp_path: Path) -> None:
    functions.run("teacher", "numpy", "import numpy")
    folder = own_numpy(tmp_path / "own")
    log = functions.run("own", "numpy", "import numpy", PYTHONPATH=str(folder))
    assert log.startswith("not preloaded\nnumpy of the user")
    assert functions.run("other", "numpy", "import numpy; numpy.ones(1)").startswith("preloaded")


def test_so_does_one_that_is_brought_with_the_function_s_code(functions: Functions, tmp_path: Path) -> None:
    functions.run("teacher", "numpy", "import numpy")
    (tmp_path / "functions.py").unlink()
    functions.write(own_numpy(tmp_path / "code"), "numpy", "import numpy")
    with tarfile.open(tmp_path / "code.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "code", arcname=".")
    environment = carried(tmp_path, archive=tmp_path / "code.tar.gz")
    functions.train("brought", AlgorithmSpecification=with_image("any/image"), Environment=environment)
    functions.ended("brought")
    assert functions.log("brought").lstrip().startswith("not preloaded\nnumpy of the user")


def test_a_module_of_the_user_s_is_never_preloaded(
    new_server: Callable[..., LocalSageMaker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("pandas", "psutil"):  # a library, and what a library imports
        (own / f"{name}.py").write_text(
            "import os; print('imported by', os.getpid(), file=open(__file__ + '.log', 'a'))"
        )
    monkeypatch.setenv("PYTHONPATH", str(own))
    monkeypatch.chdir(tmp_path)
    functions = Functions(new_server(), tmp_path)
    for name in ("first", "second"):
        functions.run(name, "joblib", "import joblib, pandas, psutil")
    assert functions.log("second").lstrip().startswith("preloaded")
    for name in ("pandas", "psutil"):
        importers = (own / f"{name}.py.log").read_text().splitlines()
        assert len(importers) == 2
        assert f"imported by {functions.server.launcher_pid}" not in importers


def test_a_library_that_the_launcher_cannot_import_does_no_harm(functions: Functions) -> None:
    functions.run("teacher", "numpy", "import numpy; sys.modules['lightgbm'] = numpy")
    launcher = functions.server.launcher_pid
    for name in ("first", "second"):
        assert functions.run(name, "numpy", "").startswith("preloaded")
    assert functions.server.launcher_pid == launcher


def test_the_log_level_that_the_job_asks_for_is_flytekit_s(functions: Functions) -> None:
    work = "import logging; print('level', logging.getLogger('flytekit').level)"
    assert "level 30\n" in functions.run("default", "numpy", "", work)
    assert "level 10\n" in functions.run("debug", "numpy", "", work, FLYTE_SDK_LOGGING_LEVEL="10")
