"""The environment variables and arguments that a script gets from the sagemaker-training toolkit.

Source: https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from flytekit_sagemaker.container.contract import MPI_ENABLED, OBJECTIVE_METRIC_HYPERPARAMETER, Contract

PROGRAM = "sagemaker_program"
SUBMIT_DIRECTORY = "sagemaker_submit_directory"

_LOG_LEVEL = "sagemaker_container_log_level"
_KNOWN = frozenset(
    {
        PROGRAM,
        SUBMIT_DIRECTORY,
        _LOG_LEVEL,
        OBJECTIVE_METRIC_HYPERPARAMETER,
        "default_user_module_name",
        "sagemaker_enable_cloudwatch_metrics",
        "sagemaker_job_name",
        "sagemaker_region",
        "sagemaker_s3_output",
    }
)
_DISTRIBUTIONS = (
    MPI_ENABLED,
    "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
)
_LOG_LEVEL_INFO = 20
_NEURONS_OF_TRN2_48XLARGE = 64


def decoded(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Hyperparameters as the toolkit reads them: whatever is JSON is decoded, the rest stays text."""
    return {name: _decoded(value) for name, value in hyperparameters.items()}


def is_for_toolkit(name: str) -> bool:
    """Whether a hyperparameter tells the toolkit something, and is kept from the script."""
    return name in _KNOWN or name.startswith("sagemaker_")


def arguments(hyperparameters: Mapping[str, str]) -> list[str]:
    """The script's command line: ``--name value`` for each hyperparameter of its own, sorted by name."""
    own = {name: value for name, value in decoded(hyperparameters).items() if not is_for_toolkit(name)}
    pairs = [(f"--{name}" if len(name) > 1 else f"-{name}", _argument(own[name])) for name in sorted(own)]
    return [text for pair in pairs for text in pair]


def variables(contract: Contract, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The ``SM_*`` variables of a script, and the older names of some of them."""
    hyperparameters = decoded(contract.hyperparameters)
    own = {name: value for name, value in hyperparameters.items() if not is_for_toolkit(name)}
    framework = {name: value for name, value in hyperparameters.items() if is_for_toolkit(name) and name not in _KNOWN}
    inputs = contract.config("inputdataconfig")
    channels = {name: str(contract.data_dir / name) for name in inputs}
    distributed = framework.get(
        "sagemaker_distribution_instance_groups",
        [_current_group(contract)] if any(map(framework.get, _DISTRIBUTIONS)) else [],
    )
    program = environ.get(PROGRAM.upper()) or hyperparameters.get(PROGRAM)
    described = {
        "current_host": contract.current_host,
        "framework_module": environ.get("SAGEMAKER_TRAINING_MODULE"),
        "hosts": contract.resources.get("hosts", [contract.current_host]),
        "input_config_dir": str(contract.config_dir),
        "input_data_config": inputs,
        "input_dir": str(contract.base / "input"),
        "log_level": hyperparameters.get(_LOG_LEVEL, _LOG_LEVEL_INFO),
        "model_dir": str(contract.model_dir),
        "module_dir": str(hyperparameters.get(SUBMIT_DIRECTORY, contract.code_dir)),
        "module_name": re.sub(r"\.py$", "", str(program)),
        "network_interface_name": contract.network_interface_name,
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": _gpus(),
        "num_neurons": _neurons(str(contract.resources.get("current_instance_type"))),
        "output_data_dir": str(contract.output_data_dir),
        "output_dir": str(contract.base / "output"),
        "output_intermediate_dir": str(contract.base / "output" / "intermediate"),
        "resource_config": contract.resources,
        "user_entry_point": program,
        **_instance_groups(contract),
        "distribution_instance_groups": distributed,
    }
    topology = contract.resources.get("topology", [])
    every = {
        **described,
        **{f"channel_{name}": path for name, path in channels.items()},
        **{f"hp_{name}": value for name, value in own.items()},
        "channels": sorted(channels),
        "hps": own,
        "framework_params": framework,
        "user_args": arguments(contract.hyperparameters),
        "training_env": {
            **described,
            **_master(contract, distributed),
            "additional_framework_parameters": framework,
            "channel_input_dirs": channels,
            "hyperparameters": own,
            "is_modelparallel_enabled": None,
            "is_smddpmprun_installed": shutil.which("smddpmprun") is not None,
            "is_smddprun_installed": shutil.which("smddprun") is not None,
            "job_name": environ.get("TRAINING_JOB_NAME"),
            "topology": topology,
        },
        **({"topology": topology} if topology else {}),
    }
    return {
        **{f"SM_{name.upper()}": _text(value) for name, value in every.items()},
        "CURRENT_HOST": contract.current_host,
        "SAGEMAKER_JOB_NAME": str(hyperparameters.get("sagemaker_job_name", "")),
        "SAGEMAKER_REGION": str(hyperparameters.get("sagemaker_region") or environ.get("AWS_REGION", "")),
    }


def _groups(contract: Contract) -> dict[str, Any]:
    return {each["instance_group_name"]: each for each in contract.resources.get("instance_groups", ())}


def _instance_groups(contract: Contract) -> dict[str, Any]:
    groups, current = _groups(contract), _current_group(contract)
    return {
        "current_instance_group": current,
        "current_instance_group_hosts": groups.get(current, {}).get("hosts", []),
        "current_instance_type": contract.resources.get("current_instance_type", "local"),
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": len(groups) > 1,
    }


def _current_group(contract: Contract) -> str:
    return str(contract.resources.get("current_group_name", "homogeneousCluster"))


def _master(contract: Contract, distributed: Sequence[str]) -> dict[str, Any]:
    """The hosts that a distribution strategy of the toolkit would use, and the first of them."""
    groups = _groups(contract)
    hosts = contract.resources.get("hosts", [contract.current_host])
    chosen = [host for name in groups if name in distributed for host in groups[name]["hosts"]] if groups else hosts
    master = (chosen or hosts)[0]
    return {"distribution_hosts": chosen, "is_master": contract.current_host == master, "master_hostname": master}


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={item}" for name, item in sorted(value.items()))
    return "" if value is None else str(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


@functools.cache
def _gpus() -> int:
    return sum(line.startswith("GPU ") for line in _output("nvidia-smi", "--list-gpus").splitlines())


@functools.cache
def _neurons(instance_type: str) -> int:
    if "trn2.48xlarge" in instance_type:
        return _NEURONS_OF_TRN2_48XLARGE
    try:
        return sum(int(each.get("nc_count", 0)) for each in json.loads(_output("neuron-ls", "-j")))
    except (ValueError, AttributeError, TypeError):
        return 0


def _output(*command: str) -> str:
    """What a program prints; nothing when it is not there or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
