"""What this package adds to ``import flytekit``, which loads it through an entry point for everybody who installed it.

``python benchmarks/import_cost.py [runs]``: fresh processes, the variants taking turns. The first two rows time the
whole ``import flytekit``, whose own spread hides a few milliseconds; the others time ours alone, in a process that has
just imported flytekit without it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

WITHOUT = """
import importlib.metadata as metadata
real = metadata.entry_points

def entry_points(**chosen):
    found = real(**chosen)
    if chosen.get("group") != "flytekit.plugins":
        return found
    return type(found)(entry for entry in found if not entry.value.startswith("flytekit_sagemaker"))

metadata.entry_points = entry_points
"""
# What is imported before the clock starts, and what is timed.
VARIANTS = {
    "import flytekit, without our entry point": (WITHOUT, "import flytekit"),
    "import flytekit": ("", "import flytekit"),
    "our entry point alone": (
        f"{WITHOUT}\nimport flytekit",
        "import flytekit_sagemaker.connector.registration",
    ),
    "import flytekit_sagemaker": (f"{WITHOUT}\nimport flytekit", "import flytekit_sagemaker"),
    "from flytekit_sagemaker import *": (f"{WITHOUT}\nimport flytekit", "from flytekit_sagemaker import *"),
}
PROGRAM = """
import gc, json, sys, time
{before}
gc.collect()
known, start = set(sys.modules), time.perf_counter()
{timed}
took = time.perf_counter() - start
print(json.dumps({{"ms": 1000 * took, "boto3": "boto3" in sys.modules, "modules": len(set(sys.modules) - known)}}))
"""


def measure(before: str, timed: str) -> dict[str, float]:
    program = PROGRAM.format(before=before, timed=timed)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for run in range(runs + 1):
        for name, variant in VARIANTS.items():
            result = measure(*variant)
            if run:  # the first round warms the caches of the file system
                taken[name].append(result)
    print(f"{'ms, ' + str(runs) + ' runs each':42}{'min':>8}{'median':>8}{'modules':>9}  boto3")
    for name, results in taken.items():
        times = [result["ms"] for result in results]
        boto3 = "imported" if any(result["boto3"] for result in results) else "no"
        print(f"{name:42}{min(times):8.1f}{statistics.median(times):8.1f}{results[0]['modules']:9.0f}  {boto3}")


if __name__ == "__main__":
    main()
