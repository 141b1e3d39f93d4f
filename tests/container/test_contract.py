"""The files and variables of a training container."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.container.distributed import DistributedContext, rendezvous
from flytekit_sagemaker.errors import UserError

from .support import Tree


def test_a_job_is_read_from_its_files(tree: Callable[..., Tree]) -> None:
    hosts = [f"algo-{number}" for number in (1, 10, 2, 3)]
    at = tree({"eta": "0.1", "_tuning_objective_metric": "loss"}, {"train": {}, "my-test": {}}, hosts, "algo-10")
    contract = Contract.here(at.environment)
    assert contract.base == at.base
    assert contract.training_job_name == "job"
    assert contract.hyperparameters == {"eta": "0.1", "_tuning_objective_metric": "loss"}
    assert contract.is_trial
    assert contract.channels == ["my-test", "train"]
    assert contract.channel("train") == at.base / "input" / "data" / "train"
    assert contract.channel("other") is None
    assert contract.hosts == ("algo-1", "algo-2", "algo-3", "algo-10")
    assert contract.current_host == "algo-10"
    assert contract.network_interface_name == "eth0"
    assert contract.checkpoint_dir == at.base / "checkpoints"
    assert not contract.checkpoints_are_kept


def test_without_a_job_there_is_one_host_and_no_input(tmp_path: Path) -> None:
    contract = Contract.here({"SAGEMAKER_BASE_DIR": str(tmp_path)})
    assert (contract.hyperparameters, contract.channels, contract.hosts) == ({}, [], ("algo-1",))
    assert (contract.is_trial, contract.training_job_name) == (False, "")
    assert Contract.here({}).model_dir == Path("/opt/ml/model")


@pytest.mark.parametrize(("given", "expected"), [("/opt/ml/kept", "{base}/kept"), ("/mnt/kept", "/mnt/kept")])
def test_the_checkpoint_directory_is_the_jobs_own(tree: Callable[..., Tree], given: str, expected: str) -> None:
    at = tree(checkpoints=given)
    assert at.contract.checkpoints_are_kept
    assert at.contract.checkpoint_dir == Path(expected.format(base=at.base))


def test_a_file_that_is_no_json_is_named(tree: Callable[..., Tree]) -> None:
    at = tree()
    (at.base / "input" / "config" / "hyperparameters.json").write_text("{")
    with pytest.raises(UserError, match=r"hyperparameters\.json holds no JSON object"):
        _ = at.contract.hyperparameters


def test_a_failure_is_written_whatever_it_says(tree: Callable[..., Tree]) -> None:
    at = tree()
    at.contract.fail("broken \ud800 é")
    assert at.failure == "broken \\ud800 é"


def test_a_failure_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("a file")
    Contract(tmp_path).fail("text")
    assert (tmp_path / "output").read_text() == "a file"


def test_the_rank_is_the_place_among_the_hosts(tree: Callable[..., Tree]) -> None:
    at = tree(hosts=["algo-1", "algo-10", "algo-2"], current_host="algo-10")
    context = DistributedContext.of(at.contract)
    assert (context.rank, context.world_size, context.is_first) == (2, 3, False)


def test_rendezvous_is_what_torchrun_sets_where_nothing_is_set_yet() -> None:
    context = DistributedContext(("algo-1", "algo-2"), "algo-2", "eth0")
    variables = rendezvous(context, {"MASTER_PORT": "1234", "HOME": "/root"})
    assert "MASTER_PORT" not in variables
    assert variables["MASTER_ADDR"] == "algo-1"
    assert (variables["RANK"], variables["WORLD_SIZE"]) == ("1", "2")
    assert (variables["LOCAL_RANK"], variables["LOCAL_WORLD_SIZE"]) == ("0", "1")
    assert variables["GLOO_SOCKET_IFNAME"] == "eth0"
    assert set(variables).isdisjoint(os.environ)
