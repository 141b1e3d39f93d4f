"""What a training container starts: ``flytekit-sagemaker train``, or the toolkit's ``train`` on its behalf.

A job that carries a command (see ``command.py``) runs it as Flyte's own container would: this process becomes
flytekit's ``pyflyte-execute``. Any other job runs the script that the sagemaker-training toolkit would run.
"""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

from flytekit_sagemaker.container import checkpoints, job, mpi
from flytekit_sagemaker.container.command import JOB_NAME, TRAINING_MODULE, Command
from flytekit_sagemaker.container.contract import BASE_DIR_VARIABLE, MPI_ENABLED, Contract
from flytekit_sagemaker.container.distributed import rendezvous
from flytekit_sagemaker.container.failure import failure_text
from flytekit_sagemaker.errors import SageMakerError, UserError

_FAILED = 1
# flytekit's own commands, and the functions of its module that they are: a task, and one element of a map task.
_EXECUTE = {"pyflyte-execute": "execute_task_cmd", "pyflyte-map-execute": "map_execute_task_cmd"}
_FAST_EXECUTE = "pyflyte-fast-execute"
_PATH = "PYTHONPATH"
# Else flytekit wraps its log lines at 80 columns, where neither secrets nor metrics are found any more.
_LOG = {"FLYTE_SDK_RICH_TRACEBACKS": "0"}


class TrainingFailed(Exception):
    """The toolkit's sign of a failure that is on record already.

    Attributes:
        errno: what it takes for the exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the training failed with exit code {code}")
        self.errno = code


def train() -> None:
    """Run the job of this container, for the toolkit's ``train``.

    Raises:
        TrainingFailed: the job has failed, and has said why.
    """
    if code := main():
        raise TrainingFailed(code)


def main() -> int:
    """Run the job of this container and return its exit code."""
    checkpoints.handle_sigterm()
    try:
        return _run(job.current())
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else _FAILED
    except SageMakerError as error:
        return _fail(str(error))
    except Exception as error:
        return _fail(failure_text(error))


def _run(current: job.Job) -> int:
    command = Command.find(os.environ)
    if command is None:
        from flytekit_sagemaker.container import script

        return script.run(current.contract)
    path = os.pathsep.join(filter(None, (each.get(_PATH) for each in (command.environment, os.environ))))
    os.environ.update({**_LOG, **os.environ, **command.environment, _PATH: path})
    os.environ.update(rendezvous(current.distributed, os.environ))
    if current.contract.hyperparameters.get(MPI_ENABLED) == "true" and not mpi.is_rank(os.environ):
        return mpi.run(current.distributed, current.contract, [sys.executable, "-m", TRAINING_MODULE.partition(":")[0]])
    for folder in reversed(path.split(os.pathsep)):
        _import_from(folder)
    own = [argument.replace(JOB_NAME, current.contract.training_job_name) for argument in command.argv]
    program, *arguments = _with_distribution(own, current.contract)
    if program not in _EXECUTE:
        raise UserError(f"{program} is no command that runs the function of a task")
    return _execute(program, arguments, current)


def _execute(program: str, arguments: list[str], current: job.Job) -> int:
    """Run flytekit's own command in this process."""
    from flytekit.bin import entrypoint
    from flytekit.loggers import logger

    logger.addFilter(lambda record: record.funcName != "_dispatch_execute")  # of a failure, _fail says it all
    os.environ["FLYTE_FAIL_ON_ERROR"] = "true"  # else its exit code would be 0
    try:
        getattr(entrypoint, _EXECUTE[program]).main(args=arguments, prog_name=program, standalone_mode=False)
    except SystemExit as stop:
        if stop.code == checkpoints.STOPPED_EXIT_CODE:
            raise
        reason = failure_text(current.error) if current.error else _recorded_error(arguments)
        # Who leaves with 0 has not returned what the function promises.
        return _fail(reason, stop.code if isinstance(stop.code, int) and stop.code else _FAILED)
    return 0


def _with_distribution(argv: list[str], contract: Contract) -> list[str]:
    """The command inside ``pyflyte-fast-execute``, after the code that it is to run has been brought here."""
    program, *rest = argv
    if program != _FAST_EXECUTE:
        return argv
    from flytekit.tools.fast_registration import download_distribution

    end = rest.index("--")
    given = dict(zip(rest[:end:2], rest[1:end:2], strict=True))
    folder = Path(given.get("--dest-dir") or ".").expanduser()
    if BASE_DIR_VARIABLE in os.environ:  # other jobs share the folders of this machine
        folder = contract.code_dir
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
    distribution = given["--additional-distribution"]
    try:
        download_distribution(distribution, str(folder))
    except Exception as error:
        raise UserError(f"the code of the task could not be brought here from {distribution}: {error}") from error
    _import_from(str(folder.resolve()))
    return rest[end + 1 :]


def _import_from(folder: str) -> None:
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)


def _recorded_error(arguments: list[str]) -> str:
    """The error that flytekit recorded, its message first: the task could not be loaded, or its data not be moved."""
    from flyteidl.core import errors_pb2
    from flytekit.core.context_manager import FlyteContextManager

    path = f"{arguments[arguments.index('--output-prefix') + 1].rstrip('/')}/error.pb"
    file_system = FlyteContextManager.current_context().file_access.get_filesystem_for_path(path)
    error = errors_pb2.ErrorDocument.FromString(file_system.cat_file(path)).error
    trace, _, message = error.message.rpartition("Message:")
    return f"{textwrap.dedent(message).strip()}\n{textwrap.dedent(trace.removeprefix('Trace:')).strip()}"


def _fail(reason: str, code: int = _FAILED) -> int:
    job.current().contract.fail(reason)
    print(reason, file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    exit_code = main()
    if exit_code and mpi.is_rank(os.environ):
        mpi.leave(exit_code)
    sys.exit(exit_code)
