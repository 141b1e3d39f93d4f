"""The image of a custom training job, as the Dockerfile that flytekit writes for it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from flytekit import ImageSpec

from flytekit_sagemaker.errors import InvalidInput, UserError
from flytekit_sagemaker.images import sagemaker_image, write_docker_context

ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
DEEP_LEARNING_CONTAINER = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312"


def dockerfile(image: ImageSpec, folder: Path) -> str:
    write_docker_context(image, folder)
    return (folder / "Dockerfile").read_text()


def instructions(text: str, name: str) -> list[str]:
    joined = re.sub(r"\\\n", " ", text)
    return [line.removeprefix(name).strip() for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_what_sagemaker_starts_is_our_entry_point(tmp_path: Path) -> None:
    text = dockerfile(sagemaker_image(), tmp_path)
    assert json.loads(*instructions(text, "ENTRYPOINT")) == ["flytekit-sagemaker"]
    requirements = (tmp_path / "requirements_uv.txt").read_text().splitlines()
    assert f"flytekit-sagemaker=={version('flytekit-sagemaker')}" in requirements
    assert any(each.startswith("flytekit==") for each in requirements)


@pytest.mark.parametrize("known", ["flytekit:x:1000:1000::/home/flytekit:/bin/bash", "flytekit:x:0:0::/root:/bin/bash"])
def test_the_user_that_the_image_ends_with_is_root(tmp_path: Path, known: str) -> None:
    text = dockerfile(sagemaker_image(commands=["true"]), tmp_path)
    accounts = tmp_path / "passwd"
    accounts.write_text(f"root:x:0:0:root:/root:/bin/bash\n{known}\nflytekit2:x:5:5::/:/bin/sh\n")
    command = next(each for each in instructions(text, "RUN") if "/etc/passwd" in each).split("/usr/bin/uv", 1)[1]
    assert command.lstrip().startswith("true && ")
    subprocess.run(["sh", "-c", command.replace("/etc/passwd", str(accounts))], check=True)
    users = {line.split(":")[0]: line.split(":") for line in accounts.read_text().splitlines()}
    final = users[instructions(text, "USER")[-1]]
    assert (final[2], final[3], final[5]) == ("0", "0", "/root")
    assert users["flytekit2"][2] == "5"


def test_a_wheel_of_the_working_tree_is_copied_and_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wheel = Path("dist/flytekit_sagemaker-9.9-py3-none-any.whl")
    wheel.parent.mkdir()
    wheel.write_bytes(b"one")
    image = sagemaker_image(this_package=str(wheel))
    text = dockerfile(image, tmp_path / "context")
    assert (tmp_path / "context" / wheel).read_bytes() == b"one"
    copied = f"COPY --chown=flytekit {wheel} /root/dist/"
    install = f"uv pip install /root/{wheel}"
    assert text.index(copied) < text.index(install)
    assert "flytekit-sagemaker==" not in (tmp_path / "context" / "requirements_uv.txt").read_text()
    first = image.image_name()
    wheel.write_bytes(b"two")
    assert sagemaker_image(this_package=str(wheel)).image_name() != first


def test_a_wheel_that_is_not_there_matters_only_when_an_image_is_built(tmp_path: Path) -> None:
    image = sagemaker_image(this_package="dist/gone.whl")
    with pytest.raises(UserError, match=r"dist/gone\.whl"):
        write_docker_context(image, tmp_path)


def test_an_image_of_aws_keeps_its_libraries_and_gets_our_entry_point(tmp_path: Path) -> None:
    python = "/usr/local/bin/python3"
    image = sagemaker_image(
        base_image=DEEP_LEARNING_CONTAINER,
        base_python=python,
        apt_packages=["openmpi-bin"],
        env={"OMP_NUM_THREADS": "2"},
        this_package="flytekit-sagemaker @ git+https://git.example/it",
    )
    text = dockerfile(image, tmp_path)
    assert instructions(text, "FROM")[-1] == DEEP_LEARNING_CONTAINER
    assert f"uv venv --python {python} --system-site-packages" in text
    assert json.loads(instructions(text, "ENTRYPOINT")[-1]) == ["flytekit-sagemaker"]
    assert "OMP_NUM_THREADS=2" in text
    assert "openmpi-bin" in text
    assert "flytekit-sagemaker @ git+https" in (tmp_path / "requirements_uv.txt").read_text()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_an_image_for_mpi_lets_its_hosts_reach_each_other_by_ssh(tmp_path: Path) -> None:
    text = dockerfile(sagemaker_image(mpi=True, apt_packages=["git"]), tmp_path)
    assert all(f" {package}" in text for package in ("git", "openmpi-bin", "openssh-server", "openssh-client"))
    command = next(each for each in instructions(text, "RUN") if "ssh-keygen" in each).split("/usr/bin/uv", 1)[1]
    make_key = command.partition(" && sed ")[0].replace("/root", str(tmp_path / "root")).replace("chown root", "mkdir")
    subprocess.run(["sh", "-c", make_key], check=True)
    keys = tmp_path / "root" / ".ssh"
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", keys / "id_ed25519"], capture_output=True, text=True, check=True
    )
    assert (keys / "authorized_keys").read_text().split()[:2] == derived.stdout.split()[:2]
    assert keys.stat().st_mode & 0o777 == 0o700


def test_the_name_of_an_image_is_that_of_its_content() -> None:
    assert sagemaker_image(registry=ECR).image_name() == sagemaker_image(registry=ECR).image_name()
    assert sagemaker_image(registry=ECR).image_name().startswith(f"{ECR}/flytekit-sagemaker:")
    assert sagemaker_image(registry=ECR, packages=["numpy"]).image_name() != sagemaker_image(registry=ECR).image_name()
    assert sagemaker_image(registry=ECR).platform == "linux/amd64"


@pytest.mark.parametrize(
    "registry", ["", ECR, f"{ECR}/team", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "public.ecr.aws/alias"]
)
def test_a_registry_that_sagemaker_reads_is_taken_as_it_is(registry: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sagemaker_image(registry=registry)


@pytest.mark.parametrize("registry", ["ghcr.io/me", "localhost:5000", f"evil.example/{ECR}"])
def test_another_registry_works_in_a_vpc_only_and_says_so(registry: str) -> None:
    with pytest.warns(UserWarning, match="only reached through a VPC"):
        sagemaker_image(registry=registry)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"registry": f"https://{ECR}"}, "registry"),
    ({"registry": f"{ECR}/name:tag"}, "registry"),
    ({"name": "My_Image"}, "name"),
    ({"name": "image:latest"}, "name"),
    ({"packages": "numpy"}, "packages"),
    ({"packages": ["numpy", ""]}, "packages[1]"),
    ({"apt_packages": [3]}, "apt_packages[0]"),
    ({"commands": [None]}, "commands[0]"),
    ({"requirements": "uv.lock"}, "requirements"),
    ({"env": {"A B": "1"}}, "env.A B"),
    ({"env": {"A": "two words"}}, "env.A"),
    ({"env": {"A": 1}}, "env.A"),
    ({"base_image": DEEP_LEARNING_CONTAINER, "base_python": "python3"}, "base_python"),
    ({"base_python": "/opt/conda/bin/python"}, "base_python"),
    ({"python_version": "3"}, "python_version"),
    ({"python_version": "3.13"}, "python_version"),
    ({"this_package": "/tmp/this.whl"}, "this_package"),
    ({"this_package": "../dist/this.whl"}, "this_package"),
]


@pytest.mark.parametrize(("given", "field"), WRONG)
def test_what_cannot_work_is_refused_by_name(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        sagemaker_image(**given)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_everything_that_is_wrong_is_in_one_error() -> None:
    with pytest.raises(InvalidInput) as caught:
        sagemaker_image(name="X", packages="numpy", base_python="python", python_version="3.11", registry="a b")
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["registry", "name", "packages", "base_python", "base_python", "python_version"]
