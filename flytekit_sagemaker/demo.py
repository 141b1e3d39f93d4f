"""``flytekit-sagemaker demo``: the XGBoost example from data to report, on this machine."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from flytekit_sagemaker.errors import UserError

EXAMPLE = "xgboost_tuning"
MODEL = "model.tar.gz"
REPORT = "report.html"
# What the example and the programs that train here import, of the extra named local.
_LIBRARIES = ("numpy", "optuna", "pandas", "sklearn", "xgboost")


def run(folder: Path) -> None:
    """Run the example workflow, print what it found, and keep the model and the report in a folder.

    Args:
        folder: where the two files go; made when it is missing, older ones are replaced.

    Raises:
        UserError: when nothing can be written to the folder, or the extra ``local`` is not installed.
    """
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"the demo needs {', '.join(missing)}: pip install 'flytekit-sagemaker[local]'")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written to ({error.strerror}); choose another folder: --output DIR"
        ) from None
    console = Console()
    console.print("Tuning XGBoost on scikit-learn's breast-cancer data: 12 trials, 2 at a time, on this machine.\n")
    example = _example()
    result = example.tune_breast_cancer()
    model = Path(str(result.model))
    # A job's artifacts are at <output prefix>/<job name>/output/, and the report of its task at the output prefix.
    report = model.parents[2] / "deck.html"
    for source, name in ((model, MODEL), (report, REPORT)):
        shutil.copyfile(source, folder / name)

    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("Best hyperparameters", "")
    for name in sorted(example.tune_xgboost.tunable_parameters):
        table.add_row(f"  {name}", f"{float(result.best_hyperparameters[name]):.4g}")
    table.add_row("Best validation:logloss", f"{result.best_objective:.5f}")
    table.add_row("Held-out AUC, tuned", f"[bold]{result.tuned_auc:.4f}[/bold]")
    table.add_row("Held-out AUC, untuned", f"{result.untuned_auc:.4f}")
    table.add_row("Model", str(folder / MODEL))
    table.add_row("Report", str(folder / REPORT))
    console.print()
    console.print(table)


def _example() -> ModuleType:
    """The example's module: from the installed package, or from the checkout of an editable install."""
    package = Path(__file__).parent
    places = [folder / "examples" / f"{EXAMPLE}.py" for folder in (package, package.parent)]
    path = next(place for place in places if place.exists())
    spec = importlib.util.spec_from_file_location(EXAMPLE, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[EXAMPLE] = module
    spec.loader.exec_module(module)
    return module
