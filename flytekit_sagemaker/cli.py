"""The command line: ``flytekit-sagemaker demo | serve``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from flytekit_sagemaker.errors import SageMakerError

DEFAULT_PORT = 8642


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 1 with a sentence on standard error.

    Args:
        arguments: what follows the program's name; ``sys.argv`` where left out.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "demo":
            from flytekit_sagemaker import demo

            demo.run(options.output)
        else:
            from flytekit_sagemaker.local import server

            server.serve(options.port, options.root, images=dict(options.image))
    except SageMakerError as error:
        print(f"flytekit-sagemaker: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("flytekit-sagemaker: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flytekit-sagemaker", description="Train and tune on Amazon SageMaker from Flyte, or on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="tune a small XGBoost model here and write its report")
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("demo"),
        metavar="DIR",
        help="folder for the model and the report (default: %(default)s)",
    )

    serve = commands.add_parser("serve", help="run the local SageMaker, for boto3, the AWS CLI and Flyte")
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, metavar="N", help="default: %(default)s")
    serve.add_argument(
        "--root",
        type=Path,
        default=Path(".sagemaker"),
        metavar="DIR",
        help="folder that keeps the jobs over restarts (default: %(default)s)",
    )
    serve.add_argument(
        "--image",
        type=_image,
        action="append",
        default=[],
        metavar="URI=COMMAND",
        help="command that stands in for a training image, such as 'example/image=python train.py'; repeatable",
    )
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
