"""The model that a function returns, where SageMaker looks for it as well."""

from __future__ import annotations

import shutil
from pathlib import Path

from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.errors import UserError


def keep_model(path: Path, contract: Contract) -> None:
    """Copy a file, or what is in a folder, to where SageMaker makes ``model.tar.gz`` of it.

    Args:
        path: what the function returned; it stays where it is when it is there already.
        contract: what SageMaker tells the job.

    Raises:
        UserError: when it cannot be written there.
    """
    folder = contract.model_dir
    if path.resolve().is_relative_to(folder.resolve()):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, folder, dirs_exist_ok=True)
        else:
            shutil.copy2(path, folder / path.name)
    except (OSError, shutil.Error) as error:
        remedy = "SageMaker mounts it for root alone: the image must run as root (sagemaker_image does)"
        raise UserError(f"the model cannot be written to {folder}: {error}. {remedy}") from error
