"""Container images for custom training jobs, as flytekit image specifications."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from flytekit import ImageSpec

from flytekit_sagemaker.errors import InvalidInput, Problem, UserError

ENTRYPOINT = "flytekit-sagemaker"
PLATFORM = "linux/amd64"

_DISTRIBUTION = "flytekit-sagemaker"
# flytekit's Dockerfile changes to its user `flytekit` after every command that a specification can name, and SageMaker
# mounts /opt/ml for root. So in this image that user is root, by another name.
_RUN_AS_ROOT = r"sed -i 's#^flytekit:.*#flytekit:x:0:0::/root:/bin/bash#' /etc/passwd"

# Under MPI the first host reaches the others by SSH: they share a key, and sshd wants its folders to be root's.
_MPI_PACKAGES = ("openmpi-bin", "openssh-server", "openssh-client")
_MPI_KEY = (
    "chown root /root && mkdir -p -m 700 /root/.ssh && rm -f /root/.ssh/id_ed25519 && "
    "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519 && "
    "cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys"
)

_ECR = re.compile(r"(\d{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.(com|com\.cn|eu))|public\.ecr\.aws")
_REGISTRY = re.compile(r"[a-z\d._-]+(:\d{1,5})?(/[\w.-]+)*")
_NAME = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")
_PYTHON_VERSIONS = ("3.10", "3.11", "3.12")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def sagemaker_image(
    *,
    registry: str = "",
    name: str = _DISTRIBUTION,
    packages: Sequence[str] = (),
    requirements: str = "",
    apt_packages: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    commands: Sequence[str] = (),
    base_image: str = "",
    base_python: str = "",
    python_version: str = "",
    mpi: bool = False,
    this_package: str = "",
) -> ImageSpec:
    """The image of a custom training job: this package, yours, and an entry point that SageMaker can start.

    It runs as root, since SageMaker mounts ``/opt/ml`` for root, and its entry point is ``flytekit-sagemaker``, so that
    the ``train`` with which SageMaker starts an image starts your function, in tuning jobs, too. Your own modules are
    added by flytekit: into the image when a workflow is registered, or beside it with fast registration.

    Args:
        registry: Amazon ECR, as ``111122223333.dkr.ecr.eu-west-1.amazonaws.com``; SageMaker reads from no other public
            or private registry unless the job has a VPC that reaches it. May be left out as long as jobs run locally.
        name: repository in the registry; it must exist before the first push.
        packages: requirements for pip.
        requirements: path of a requirements file, beside ``packages`` or instead of them; not a lock file.
        apt_packages: packages for ``apt-get``.
        env: environment variables.
        commands: commands for the shell, run as root while the image is built.
        base_image: what to start from, such as an AWS Deep Learning Container; plain Debian if left out.
        base_python: the interpreter in ``base_image`` whose libraries (PyTorch, for example) are to be seen. If left
            out the image has a Python of its own, which sees none of them.
        python_version: such as ``3.11``; the running Python's if left out.
        mpi: for jobs whose ``distributed_protocol`` is MPI: Open MPI, and SSH with a key that is made with the image.
            Who can pull the image has the key, which opens the hosts of its jobs to each other and nothing else.
        this_package: where this package comes from, if not from the package index in the version that is running: a
            requirement such as ``flytekit-sagemaker @ git+https://...``, or the path of a wheel below the current
            folder, as ``pip wheel --no-deps --wheel-dir dist .`` makes it of a working tree.

    Returns:
        A specification for ``container_image`` of a task. Nothing is built before a task is registered.

    Raises:
        InvalidInput: with every value that cannot work.

    Warns:
        UserWarning: when the registry is not Amazon ECR.

    Sources:
        https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-dockerfile.html
        https://docs.aws.amazon.com/sagemaker/latest/dg/docker-containers-adapt-your-own-private-registry.html
    """
    problems = [
        *_registry_problems(registry),
        *_format_problem("name", name, _NAME, "must be the name of a repository: lower-case letters, digits, . _ - /"),
        *_list_problems(packages=packages, apt_packages=apt_packages, commands=commands),
        *_requirements_problems(requirements),
        *_variable_problems(env or {}),
        *_python_problems(base_image, base_python, python_version),
        *_wheel_problems(this_package),
    ]
    if fatal := [problem for problem in problems if problem.fatal]:
        raise InvalidInput("sagemaker_image", fatal)
    for problem in problems:
        warnings.warn(f"sagemaker_image: {problem}", UserWarning, stacklevel=2)
    wheel = this_package if this_package.endswith(".whl") else ""
    requirement = this_package or f"{_DISTRIBUTION}=={version(_DISTRIBUTION)}"
    return ImageSpec(
        name=name,
        registry=registry or None,
        packages=[*packages, *([] if wheel else [requirement])] or None,
        requirements=requirements or None,
        apt_packages=[*apt_packages, *(_MPI_PACKAGES if mpi else ())] or None,
        env={**(env or {})} or None,
        # uv is what flytekit's Dockerfile installs with, and it is there for every command.
        commands=[
            *([f"uv pip install /root/{wheel}"] if wheel else []),
            *([_MPI_KEY] if mpi else []),
            *commands,
            _RUN_AS_ROOT,
        ],
        copy=[wheel] if wheel else None,
        base_image=base_image or None,
        python_exec=base_python or None,
        python_version=python_version or None,
        entrypoint=[ENTRYPOINT],
        platform=PLATFORM,
    )


def write_docker_context(image: ImageSpec, folder: Path) -> list[str]:
    """Write what docker builds an image from, without building it.

    Args:
        image: of ``sagemaker_image``.
        folder: where the Dockerfile and the files it copies go; made when it is missing.

    Returns:
        The commands that build and push the image; the first alone where it has no registry.

    Raises:
        UserError: a file that the image copies is missing, or the folder cannot be written to.
    """
    from flytekit.image_spec.default_builder import create_docker_context

    try:
        folder.mkdir(parents=True, exist_ok=True)
        create_docker_context(image, folder)
    except OSError as error:
        raise UserError(f"the docker context cannot be written: {error.strerror}: {error.filename}") from None
    tag = image.image_name()
    build = f"docker build --platform {image.platform} --tag {tag} {folder}"
    return [build, f"docker push {tag}"] if image.registry else [build]


def _format_problem(field: str, value: Any, pattern: re.Pattern[str], rule: str, remedy: str = "") -> Iterator[Problem]:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        yield Problem(field, value, rule, remedy)


def _registry_problems(registry: str) -> Iterator[Problem]:
    example = "Give the registry of your account: 111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    if registry and list(_format_problem("registry", registry, _REGISTRY, "")):
        yield Problem("registry", registry, "must be a host, without https:// and without a tag", example)
    elif registry and not _ECR.match(registry):
        rule = "is not Amazon ECR, from which SageMaker pulls images; another registry is only reached through a VPC"
        yield Problem("registry", registry, rule, example, fatal=False)


def _list_problems(**lists: Any) -> Iterator[Problem]:
    for field, values in lists.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            yield Problem(field, values, "must be a list of texts", f"Write [{values!r}]")
            continue
        for index, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                yield Problem(f"{field}[{index}]", value, "must be a text that is not empty")


def _requirements_problems(requirements: str) -> Iterator[Problem]:
    if requirements.endswith(".lock"):
        rule = "must be a requirements file: beside a lock file flytekit installs nothing else, so not this package"
        yield Problem("requirements", requirements, rule, "Export it: uv export > requirements.txt")


def _variable_problems(variables: Mapping[str, str]) -> Iterator[Problem]:
    for name, value in variables.items():
        yield from _format_problem(f"env.{name}", name, _VARIABLE, "must be the name of an environment variable")
        if not isinstance(value, str) or re.search(r"\s", value):
            rule = "must be a text without spaces: flytekit writes it into one ENV line of the Dockerfile"
            yield Problem(f"env.{name}", value, rule, "Give such a value to the task, as environment")


def _python_problems(base_image: str, base_python: str, python_version: str) -> Iterator[Problem]:
    if base_python and not PurePosixPath(base_python).is_absolute():
        rule = "must be the whole path of an interpreter in base_image"
        yield Problem("base_python", base_python, rule, "For example /usr/local/bin/python3, or /opt/conda/bin/python")
    if base_python and not base_image:
        yield Problem("base_python", base_python, "needs a base_image that it is in")
    if base_python and python_version:
        yield Problem("python_version", python_version, "is decided by base_python", "Leave one of the two out")
    elif python_version:
        rule = f"must be one of {', '.join(_PYTHON_VERSIONS)}, for which there is a flytekit"
        if python_version not in _PYTHON_VERSIONS:
            yield Problem("python_version", python_version, rule)


def _wheel_problems(wheel: str) -> Iterator[Problem]:
    # Whether the file is there is not asked: a job imports this specification again, without the file.
    if wheel.endswith(".whl") and (Path(wheel).is_absolute() or ".." in Path(wheel).parts):
        rule = "must be below the current folder, as a path relative to it: docker copies nothing else"
        yield Problem("this_package", wheel, rule)
