"""Gradient boosting on a CSV file: a training script as SageMaker's toolkit runs it, with nothing of Flyte in it."""

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mean_absolute_error


def read(channel: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and target of a channel; the target is in the first column."""
    folder = Path(os.environ[f"SM_CHANNEL_{channel.upper()}"])
    rows = np.concatenate([np.loadtxt(path, delimiter=",") for path in sorted(folder.glob("*.csv"))])
    return rows[:, 1:], rows[:, 0]


parser = argparse.ArgumentParser()
for name, kind in (("n_estimators", int), ("learning_rate", float), ("max_depth", int)):
    # The toolkit gives hyperparameters as arguments, and in variables, too.
    parser.add_argument(f"--{name}", type=kind, default=os.environ.get(f"SM_HP_{name.upper()}"))
hyperparameters = vars(parser.parse_args())

model = GradientBoostingRegressor(random_state=0, **hyperparameters).fit(*read("train"))
features, target = read("validation")
print(f"validation:mae={mean_absolute_error(target, model.predict(features)):.4f}")
joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")
