"""A plain script as a training job, in an image without the sagemaker-training toolkit, under the toolkit's contract.

Source: https://github.com/aws/sagemaker-training-toolkit
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from flytekit_sagemaker.container import mpi, toolkit_variables
from flytekit_sagemaker.container.contract import MPI_ENABLED, Contract
from flytekit_sagemaker.container.distributed import DistributedContext, wait_for_hosts
from flytekit_sagemaker.container.failure import failure_text
from flytekit_sagemaker.container.programs import run_program
from flytekit_sagemaker.errors import UserError

# With mpi4py's own runner, a rank that raises ends the others, too; without it, they wait for it for ever.
_PYTHON_RANK = ("-m", "mpi4py") if importlib.util.find_spec("mpi4py") else ()
_SAFE_PROGRAM = re.compile(r"[A-Za-z0-9._+][A-Za-z0-9._+/-]*")


def run(contract: Contract) -> int:
    """Run the script that ``SAGEMAKER_PROGRAM`` or the hyperparameter ``sagemaker_program`` names.

    Its source is what lies in the code directory already, else the local folder, or the local or S3 archive, that
    ``sagemaker_submit_directory`` names. ``requirements.txt`` is installed; the script gets its hyperparameters as
    arguments and everything else in ``SM_*`` variables. A failure is left in ``output/failure``, unless the script has
    left one itself.

    Returns:
        The script's exit code, or 1 when it could not be started.
    """
    try:
        environment = {**os.environ, **toolkit_variables.variables(contract)}
        program = _program(contract)
        _fetch(contract)
        code, reason = _execute(contract, program, _with_imports_from(contract.code_dir, environment))
    except Exception as error:
        code, reason = 1, failure_text(error)
        print(reason, file=sys.stderr)
    if code == 0:
        contract.success_file.parent.mkdir(parents=True, exist_ok=True)
        contract.success_file.touch()
    elif not contract.failure_file.exists():
        contract.fail(reason)
    return code


def _execute(contract: Contract, program: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run the program; its exit code and, if that is not 0, the reason."""
    context = DistributedContext.of(contract)
    with_mpi = bool(toolkit_variables.decoded(contract.hyperparameters).get(MPI_ENABLED))
    command = _command(contract, program, _PYTHON_RANK if with_mpi else ())
    if with_mpi:
        os.environ.update(environment)
        os.chdir(contract.code_dir)
        return mpi.run(context, contract, command), ""  # the reason is there already
    wait_for_hosts(context, environment)
    ended = run_program(program, command, contract.code_dir, environment)
    return ended.code, ended.reason


def _program(contract: Contract) -> str:
    named = toolkit_variables.decoded(contract.hyperparameters).get(toolkit_variables.PROGRAM)
    program = os.environ.get(toolkit_variables.PROGRAM.upper()) or named
    if not program:
        raise UserError(
            "This job says nowhere what to run: set the hyperparameter sagemaker_program, or the environment variable "
            "SAGEMAKER_PROGRAM, to the name of a script in the source directory."
        )
    if not _SAFE_PROGRAM.fullmatch(str(program)) or {".", ".."} & set(str(program).split("/")):
        raise UserError(
            f"sagemaker_program = {program!r}: must be a path inside the source directory, made of letters, digits, "
            "'.', '_', '+', '-' and '/'."
        )
    return str(program)


def _fetch(contract: Contract) -> None:
    """Put the script's source into the code directory, unless there is something already."""
    target = contract.code_dir
    target.mkdir(parents=True, exist_ok=True)
    source = toolkit_variables.decoded(contract.hyperparameters).get(toolkit_variables.SUBMIT_DIRECTORY)
    if source is None or any(target.iterdir()):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(source)
        if "://" in source:
            path = Path(folder) / "source.tar.gz"
            _download(source, path)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        elif not path.exists():
            raise UserError(f"sagemaker_submit_directory = {source!r}: there is no such file or directory.")
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                archive.extraction_filter = getattr(tarfile, "data_filter", None)  # not in the oldest Pythons
                archive.extractall(target)
        else:
            shutil.copy2(path, target)


def _download(uri: str, path: Path) -> None:
    from flytekit.core.context_manager import FlyteContextManager

    FlyteContextManager.current_context().file_access.get_data(uri, str(path))


def _command(contract: Contract, program: str, interpreter_options: Sequence[str]) -> list[str]:
    """What runs the program, after what it needs has been installed."""
    folder = contract.code_dir
    arguments = toolkit_variables.arguments(contract.hyperparameters)
    if not (folder / program).is_file():
        there = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise UserError(f"sagemaker_program = {program!r}: there is no such file in {folder}, which has {there}.")
    is_package = (folder / "setup.py").exists() and not program.endswith(".sh")
    if not is_package and not program.endswith(".py"):
        (folder / program).chmod(0o777)
        return ["/bin/sh", "-c", shlex.join([f"./{program}", *arguments])]
    requirements = ["-r", "requirements.txt"] if (folder / "requirements.txt").exists() else []
    if is_package or requirements:
        install = [sys.executable, "-m", "pip", "install", *(["."] if is_package else []), *requirements]
        ended = run_program("pip", install, folder, os.environ)
        if ended.code:
            raise UserError(f"{shlex.join(install[2:])} failed: {ended.reason}")
    if is_package:
        return [sys.executable, *interpreter_options, "-m", program.removesuffix(".py").replace("/", "."), *arguments]
    return [sys.executable, *interpreter_options, program, *arguments]


def _with_imports_from(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(folder), environment.get("PYTHONPATH")]))
    return {**environment, "PYTHONPATH": path}
