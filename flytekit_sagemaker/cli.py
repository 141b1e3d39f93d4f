"""The command line: ``flytekit-sagemaker demo | serve | sandbox | interrupt | dockerfile | train``."""

from __future__ import annotations

import argparse
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flytekit_sagemaker.errors import SageMakerError

DEFAULT_PORT = 8642
SANDBOX_PORT = 8089


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 with a sentence on standard error, or that of a job.

    Args:
        arguments: what follows the program's name; ``sys.argv`` where left out.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except SageMakerError as error:
        print(f"flytekit-sagemaker: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("flytekit-sagemaker: interrupted", file=sys.stderr)
        return 130


# Each imports what it needs by itself: a job must not wait for what the other commands need.


def _demo(options: argparse.Namespace) -> None:
    from flytekit_sagemaker import demo

    demo.run(options.output)


def _serve(options: argparse.Namespace) -> None:
    from flytekit_sagemaker.local import server

    server.serve(options.port, options.root, **_stand_ins(options))


def _sandbox(options: argparse.Namespace) -> None:
    from flytekit_sagemaker.sandbox import serving

    ports = {name: getattr(options, name) for name in ("port", "console_port", "sagemaker_port")}
    serving.serve(options.root, ports, **_stand_ins(options))


def _interrupt(options: argparse.Namespace) -> None:
    from flytekit_sagemaker.local import interruption

    interruption.interrupt(options.endpoint_url or _endpoint_url(), options.job)
    print(f"{options.job} is interrupted: it gets SIGTERM, and starts anew with its checkpoints")


def _endpoint_url() -> str:
    """Where the local SageMaker is: as the shell has it from what ``serve`` prints, else at the default port."""
    from flytekit_sagemaker import aws, settings

    own = settings.current().endpoint_url
    return own if "://" in own else aws.configured_url() or f"http://127.0.0.1:{DEFAULT_PORT}"


def _dockerfile(options: argparse.Namespace) -> None:
    from flytekit_sagemaker import images

    given = {name: value for name, value in vars(options).items() if value and name in (*_IMAGE_OPTIONS, "mpi")}
    with warnings.catch_warnings(record=True) as warned:
        image = images.sagemaker_image(**given)
    for warning in warned:
        print(f"flytekit-sagemaker: {warning.message}", file=sys.stderr)
    for command in images.write_docker_context(image, options.output):
        print(command)


def _train(options: argparse.Namespace) -> int:
    from flytekit_sagemaker.container import entrypoint

    return entrypoint.main()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flytekit-sagemaker", description="Train and tune on Amazon SageMaker from Flyte, or on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="tune a small XGBoost model here and write its report")
    demo.set_defaults(run=_demo)
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("demo"),
        metavar="DIR",
        help="folder for the model and the report (default: %(default)s)",
    )

    serve = commands.add_parser("serve", help="run the local SageMaker, for boto3, the AWS CLI and Flyte")
    serve.set_defaults(run=_serve)
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, metavar="N", help="default: %(default)s")
    serve.add_argument(
        "--root",
        type=Path,
        default=Path(".sagemaker"),
        metavar="DIR",
        help="folder that keeps the jobs over restarts (default: %(default)s)",
    )
    _add_stand_ins(serve)

    sandbox = commands.add_parser(
        "sandbox",
        help="run a small Flyte with the local SageMaker, for development",
        description="Run a small Flyte for development on this machine: a Flyte Admin, the connector service, "
        "the local SageMaker, and a console.",
    )
    sandbox.set_defaults(run=_sandbox)
    for option, port, words in (
        ("--port", SANDBOX_PORT, "of the Flyte Admin"),
        ("--console-port", SANDBOX_PORT + 1, "of the console"),
        ("--sagemaker-port", SANDBOX_PORT + 2, "of the local SageMaker"),
    ):
        help_text = f"port {words}; 0 for the last one that the root has known, or any (default: %(default)s)"
        sandbox.add_argument(option, type=_port, default=port, metavar="N", help=help_text)
    sandbox.add_argument(
        "--root",
        type=Path,
        default=Path(".flyte-sandbox"),
        metavar="DIR",
        help="folder that keeps everything over restarts (default: %(default)s)",
    )
    _add_stand_ins(sandbox)

    interrupt = commands.add_parser(
        "interrupt",
        help="take the spot instances of a training job away from it",
        description="Interrupt a training job of the local SageMaker that does managed spot training, as AWS does when "
        "it takes spot instances back. It is the local SageMaker of `flytekit-sagemaker serve` or `sandbox`.",
    )
    interrupt.set_defaults(run=_interrupt)
    interrupt.add_argument("job", metavar="JOB", help="name of a training job, be it a trial of a tuning job")
    interrupt.add_argument(
        "--endpoint-url",
        metavar="URL",
        help="the local SageMaker (default: FLYTEKIT_SAGEMAKER_ENDPOINT_URL, AWS_ENDPOINT_URL_SAGEMAKER or "
        f"AWS_ENDPOINT_URL, else http://127.0.0.1:{DEFAULT_PORT})",
    )

    dockerfile = commands.add_parser(
        "dockerfile",
        help="write a Dockerfile for custom training jobs",
        description="Write the Dockerfile of sagemaker_image() and what it copies, and print the commands that build "
        "the image and push it.",
    )
    dockerfile.set_defaults(run=_dockerfile)
    for option, (metavar, words) in _IMAGE_OPTIONS.items():
        repeatable = option in _REPEATABLE
        dockerfile.add_argument(
            f"--{_REPEATABLE.get(option, option).replace('_', '-')}",
            dest=option,
            action="append" if repeatable else "store",
            metavar=metavar,
            help=f"{words}; repeatable" if repeatable else words,
        )
    dockerfile.add_argument("--mpi", action="store_true", help="with Open MPI, for several hosts under MPI")
    dockerfile.add_argument(
        "--output",
        type=Path,
        default=Path("image"),
        metavar="DIR",
        help="folder for the Dockerfile and what it copies (default: %(default)s)",
    )

    train = commands.add_parser(
        "train",
        help="run the training job of this container; SageMaker calls it",
        description="Run the function or the script that this job names. SageMaker puts its files below "
        "/opt/ml; SAGEMAKER_BASE_DIR names another folder.",
    )
    train.set_defaults(run=_train)
    return parser


# Arguments of sagemaker_image: what stands for the value, and what it is.
_IMAGE_OPTIONS = {
    "registry": ("HOST", "Amazon ECR, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com"),
    "name": ("NAME", "repository in the registry"),
    "packages": ("REQUIREMENT", "package that your function needs"),
    "requirements": ("FILE", "file of such packages"),
    "apt_packages": ("PACKAGE", "Debian package"),
    "base_image": ("IMAGE", "image to start from, such as an AWS Deep Learning Container"),
    "base_python": ("PATH", "interpreter in the base image whose libraries are to be seen"),
    "python_version": ("3.N", "version of Python, without a base_python"),
    "this_package": ("REQUIREMENT", "where flytekit-sagemaker comes from: a requirement, or a wheel below this folder"),
}
_REPEATABLE = {"packages": "package", "apt_packages": "apt-package"}


def _add_stand_ins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image",
        type=_image,
        action="append",
        default=[],
        metavar="URI=COMMAND",
        help="command that stands in for a training image, such as 'example/image=python train.py'; repeatable",
    )
    parser.add_argument(
        "--file-system",
        type=_file_system,
        action="append",
        default=[],
        metavar="ID=FOLDER",
        help="folder that stands in for a file system of Amazon EFS or Amazon FSx for Lustre, such as "
        "fs-0123456789abcdef0=/data; repeatable",
    )


def _stand_ins(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    return {"images": dict(options.image), "file_systems": dict(options.file_system)}


def _port(text: str) -> int:
    port = int(text) if text.isdigit() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return port


def _image(text: str) -> tuple[str, list[str]]:
    uri, separator, command = text.partition("=")
    if not separator or not uri or not command.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not URI=COMMAND")
    return uri, shlex.split(command)


def _file_system(text: str) -> tuple[str, Path]:
    from flytekit_sagemaker import setting_values

    try:
        return setting_values.file_system(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=FOLDER, such as fs-0123456789abcdef0=/data") from None


if __name__ == "__main__":
    sys.exit(main())
