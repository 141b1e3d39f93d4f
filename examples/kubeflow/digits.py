"""Write scikit-learn's handwritten digits as the data of the pipelines in this folder.

    python digits.py s3://my-bucket/digits > digits.json
    python digits.py data > digits.json

The channels ``train`` and ``test`` are record-protobuf, which K-Means expects of a channel without a content type. The
digits are blown up to the 28 by 28 pixels of MNIST; which digit it is goes along as the label, which K-Means does not
look at. What is printed are the parameters that tell a pipeline where its data is, and where its models go.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from botocore.exceptions import BotoCoreError

CHANNELS = ("train", "test")
SIDE = 28


def channel(name: str, data: str) -> dict[str, Any]:
    """A channel as the SageMaker API has it.

    Args:
        name: of the channel.
        data: URI of the folder of all channels.
    """
    source = {"S3Uri": f"{data}/{name}", "S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": source},
        "CompressionType": "None",
        "RecordWrapperType": "None",
        "InputMode": "File",
    }


def locations(data: str) -> dict[str, Any]:
    """The pipeline parameters that say where everything is, for data under a URI."""
    return {"channels": [channel(name, data) for name in CHANNELS], "output_location": f"{data}/models"}


def images() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Digits of 28 by 28 pixels, a row each, and which digits they are."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    data = load_digits()
    small = data.images / data.images.max()
    large = zoom(small, (1, *(SIDE / size for size in small.shape[1:])), order=1, mode="nearest", grid_mode=True)
    return large.reshape(len(large), -1).astype(np.float32), data.target


def write(destination: str) -> str:
    """Write the channels to an ``s3://`` URI or into a local folder, and return the URI.

    Raises:
        OSError, ValueError, ImportError, BotoCoreError: nothing can be written there.
    """
    import fsspec
    from sklearn.model_selection import train_test_split

    from flytekit_sagemaker.recordio import write_records

    uri = destination.rstrip("/") if "://" in destination else Path(destination).resolve().as_uri()
    features, labels = images()
    parts = train_test_split(features, labels, test_size=0.2, random_state=0, stratify=labels)
    with tempfile.TemporaryDirectory() as folder:
        for name, part, names in zip(CHANNELS, parts[:2], parts[2:], strict=True):
            file = Path(folder, name)
            write_records(file, part, names)
            with fsspec.open(f"{uri}/{name}/digits.pbr", "wb") as target:
                target.write(file.read_bytes())
    return uri


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the channels, and print the pipeline's parameters for them.")
    parser.add_argument("destination", help="an s3:// URI, or a folder here")
    destination = parser.parse_args().destination
    try:
        written = write(destination)
    except (OSError, ValueError, ImportError, BotoCoreError) as fault:
        sys.exit(f"digits.py: cannot write to {destination}: {fault}")
    print(json.dumps(locations(written), indent=2))
