"""No secret of a job is in anything that is shown of it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from flytekit_sagemaker.reporting.deck import progress_fragment, training_page, tuning_page
from flytekit_sagemaker.reporting.progress import progress_line, progress_of
from flytekit_sagemaker.reporting.records import training_record, tuning_record
from flytekit_sagemaker.reporting.terminal import progress_view

from .samples import START, search, summary, training_description, tuning_description

SECRETS = {"db_password": "open-sesame-42", "HF_TOKEN": "hf-alohomora-77", "api_key": '{"x": "swordfish-13"}'}
LEAKS = ("open-sesame-42", "hf-alohomora-77", "swordfish-13")
TELLTALE = f"ValueError: {' and '.join(LEAKS)} in postgres://joe:pw-of-joe@db/x, exit code: 1"


def terminal(progress: Any) -> str:
    console = Console(file=io.StringIO(), width=400)
    console.print(progress_view(progress, START.timestamp()))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def failed_training() -> dict[str, Any]:
    step = {"Status": "Failed", "StartTime": START, "EndTime": START, "StatusMessage": TELLTALE}
    return training_description(
        TrainingJobStatus="Failed",
        SecondaryStatus="Failed",
        FailureReason=TELLTALE,
        SecondaryStatusTransitions=[{**step, "Status": "Training"}, step],
        HyperParameters={**SECRETS, "eta": "0.25", "note": f"key is {LEAKS[1]}"},
        Environment={"HF_TOKEN": LEAKS[1], "NUM_TOKENS": "4096"},
    )


def failed_tuning(**changes: Any) -> dict[str, Any]:
    description = tuning_description(FailureReason=TELLTALE, **changes)
    definition = description["TrainingJobDefinition"]
    definition["StaticHyperParameters"] = {"db_password": LEAKS[0], "api_key": SECRETS["api_key"], "num_round": "120"}
    definition["Environment"] = {"HF_TOKEN": LEAKS[1]}
    ranges = description["HyperParameterTuningJobConfig"]["ParameterRanges"]["CategoricalParameterRanges"]
    ranges.append({"Name": "auth", "Values": [LEAKS[0], "other-secret-5"]})
    description["BestTrainingJob"] = {
        key: value
        for key, value in summary(2, value=0.5, TunedHyperParameters={"auth": LEAKS[0]}).items()
        if key not in ("TrainingJobDefinitionName",)
    }
    return description


def trials() -> list[dict[str, Any]]:
    tuned = {"eta": "0.1", "auth": LEAKS[0], "remark": f"with {LEAKS[1]}"}
    return [
        summary(1, "Failed", FailureReason=TELLTALE, TunedHyperParameters=tuned),
        summary(2, value=0.5, TunedHyperParameters=tuned),
        summary(3, value=0.4, TunedHyperParameters={**tuned, "auth": "other-secret-5"}),
    ]


TRAINING = training_record(failed_training(), log_tail=["connecting", TELLTALE])
TUNING = tuning_record(failed_tuning(), trials())

SHOWN = {
    "training page": training_page(TRAINING),
    "training record": json.dumps(TRAINING.to_dict()),
    "training progress": json.dumps(progress_of(failed_training()).to_dict()),
    "training fragment": progress_fragment(progress_of(TRAINING)),
    "training terminal": terminal(progress_of(failed_training())),
    "tuning page": tuning_page(TUNING),
    "tuning record": json.dumps(TUNING.to_dict()),
    "tuning rows": json.dumps(TUNING.rows(), default=str),
    "tuning table": TUNING.csv(),
    "tuning progress": json.dumps(progress_of(failed_tuning()).to_dict()),
    "tuning fragment": progress_fragment(progress_of(failed_tuning())),
    "tuning terminal": terminal(progress_of(failed_tuning())),
    "tuning line": progress_line(progress_of(failed_tuning())),
}


@pytest.mark.parametrize("where", SHOWN)
def test_no_secret_is_shown(where: str) -> None:
    shown = SHOWN[where]
    assert not [leak for leak in (*LEAKS, "pw-of-joe", "other-secret-5") if leak in shown]
    assert "***" in shown


def test_what_is_no_secret_stays_readable() -> None:
    assert TRAINING.hyperparameters == {
        "db_password": "***",
        "HF_TOKEN": "***",
        "api_key": "***",
        "eta": "0.25",
        "note": "key is ***",
    }
    assert TRAINING.log_tail[0] == "connecting"
    assert TRAINING.failure_reason.startswith("ValueError: *** and ***")
    assert TUNING.static_hyperparameters["num_round"] == "120"
    assert tuning_record(tuning_description(), search()).trials[0].hyperparameters["booster"] != "***"
