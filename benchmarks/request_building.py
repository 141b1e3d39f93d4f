"""How long a tuning job takes from its models to a checked request: ``python benchmarks/request_building.py [runs]``.

Cold is the first request of a fresh process, after the imports: the check reads botocore's model of the service and the
catalogue of images then. Warm is every later one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRangeOneOf,
    ParameterRanges,
)
from flytekit_sagemaker.requests.tuning import tuning_request
from flytekit_sagemaker.requests.validation import check_request
from flytekit_sagemaker.testing import builders as make


def build_and_check() -> dict[str, float]:
    """Milliseconds of each step of one request with 20 hyperparameters, 6 of them tuned."""
    times = [time.perf_counter()]
    tuned = {
        "eta": ContinuousParameterRange(min_value=1e-3, max_value=0.5),
        "gamma": ContinuousParameterRange(min_value=0, max_value=10),
        "subsample": ContinuousParameterRange(min_value=0.5, max_value=1),
        "max_depth": IntegerParameterRange(min_value=2, max_value=12),
        "num_round": IntegerParameterRange(min_value=10, max_value=500),
        "min_child_weight": CategoricalParameterRange(values=[1, 2, 4, 8]),
    }
    ranges = {name: ParameterRangeOneOf(param=chosen) for name, chosen in tuned.items()}
    config = make.tuning_config(hyperparameter_ranges=ParameterRanges(parameter_range_map=ranges))
    static = dict.fromkeys(("alpha", "lambda", "colsample_bytree", "colsample_bylevel", "base_score"), 0.5)
    static |= dict.fromkeys(("seed", "nthread", "verbosity", "max_bin", "max_leaves", "num_parallel_tree"), 2)
    static |= {"objective": "reg:squarederror", "eval_metric": "rmse,mae", "booster": "gbtree"}
    identity = make.job_identity()
    job, inputs, deployment = make.tuning_job(), make.job_inputs(static_hyperparameters=static), make.deployment()
    times.append(time.perf_counter())
    built = tuning_request(
        job, config, inputs, ranges={}, name=identity.job_name(32), deployment=deployment, tags=identity.tags()
    )
    times.append(time.perf_counter())
    check_request(built.operation, built.parameters).raise_problems("the tuning job")
    times.append(time.perf_counter())
    models, building, checking = (1000 * (after - before) for before, after in zip(times, times[1:], strict=False))
    return {"models": models, "building": building, "checking": checking, "all": models + building + checking}


def cold() -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "one"], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def show(title: str, results: list[dict[str, float]]) -> None:
    print(f"{title:30}{'min':>9}{'median':>9}{'max':>9}{'share':>7}")
    total = statistics.median(result["all"] for result in results)
    for step in results[0]:
        times = [result[step] for result in results]
        middle = statistics.median(times)
        print(f"  {step:28}{min(times):9.2f}{middle:9.2f}{max(times):9.2f}{middle / total:7.0%}")


def main() -> None:
    if sys.argv[1:] == ["one"]:
        print(json.dumps(build_and_check()))
        return
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    show("cold, ms, 15 processes", [cold() for _ in range(15)])
    build_and_check()
    show(f"warm, ms, {runs} runs", [build_and_check() for _ in range(runs)])


if __name__ == "__main__":
    main()
