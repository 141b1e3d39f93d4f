"""Which modules travel with a function: those that Python imports with its own, wherever they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flytekit_sagemaker.remote.modules import own_modules

TREES = {
    "a folder of data does not hide a module": {
        "train.py": "import helper",
        "train/data.csv": "1,2",
        "helper.py": "",
        "helper/notes.txt": "",
    },
    "a package hides a module": {"job.py": "import both", "both.py": "", "both/__init__.py": ""},
    "relative imports": {
        "pkg/__init__.py": "",
        "pkg/job.py": "from . import near\nfrom .sub.far import x\nfrom .sub import *",
        "pkg/near.py": "",
        "pkg/sub/__init__.py": "from ..other import y",
        "pkg/sub/far.py": "x = 1",
        "pkg/other.py": "y = 1",
    },
    "namespace packages": {"space/job.py": "import space.deep.part as part", "space/deep/part.py": ""},
    "imports in functions and conditions": {
        "job.py": "def f():\n    import late\nif True:\n    import early\nf()",
        "late.py": "import job",
        "early.py": "",
    },
    "modules that are no Python": {
        "job.py": "import good\ntry:\n    import old\nexcept SyntaxError:\n    pass",
        "old.py": "print 'hello'",
        "good.py": "",
    },
    "other encodings": {"job.py": "# -*- coding: latin-1 -*-\nimport good\nname = '\xe9'", "good.py": ""},
}
NAMES = {"relative imports": "pkg.job", "namespace packages": "space.job"}
# Loads the module and prints the files of all that came with it.
LOADED = """
import importlib, sys
before = set(sys.modules)
importlib.import_module({name!r})
loaded = [module for name, module in sys.modules.items() if name not in before]
print(*{{module.__file__ for module in loaded if getattr(module, "__file__", None)}})
"""


@pytest.mark.parametrize("case", TREES)
def test_what_travels_is_what_python_imports(case: str, tmp_path: Path) -> None:
    root, name = (tmp_path / "root").resolve(), NAMES.get(case, next(iter(TREES[case])).removesuffix(".py"))
    for path, text in TREES[case].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="latin-1")
    program = LOADED.format(name=name)
    loaded = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    expected = {Path(each).relative_to(root).as_posix() for each in loaded.stdout.split() if each.startswith(str(root))}
    assert set(own_modules([root], [name])) - {"old.py"} == expected


def test_a_relative_import_outside_of_a_package_brings_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "root.py").touch()
    (root / "job.py").write_text("from . import other")
    (root / "other.py").touch()
    assert set(own_modules([root], ["job"])) == {"job.py"}
