from pathlib import Path

from setuptools import find_packages, setup

LOCAL = [
    # For the user's own calls to the local SageMaker; the package itself calls botocore.
    "boto3>=1.34",
    "optuna>=4",
    "pandas>=2",
    "scikit-learn>=1.3",
    # The CPU build is a tenth of the size; it has wheels for these platforms only.
    "xgboost-cpu>=3; platform_system == 'Linux' or platform_system == 'Windows'",
    "xgboost>=3; platform_system != 'Linux' and platform_system != 'Windows'",
]
KUBEFLOW = ["kfp>=2"]
DEV = [
    *LOCAL,
    *KUBEFLOW,
    "hypothesis",
    "ipykernel",
    "matplotlib",
    "moto[server]>=5",
    "mypy",
    "nbclient",
    "pyarrow",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
    "pytest-xdist",
    "pyyaml",
    "ruff",
    "types-PyYAML",
    "types-protobuf",
]

setup(
    name="flytekit-sagemaker",
    version="0.1.0",
    description="Train and tune on Amazon SageMaker from Flyte, and on your own machine without an AWS account",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    # The examples are in the wheel too, so that `flytekit-sagemaker demo` works without a checkout.
    packages=[*find_packages(include=["flytekit_sagemaker", "flytekit_sagemaker.*"]), "flytekit_sagemaker.examples"],
    package_dir={"flytekit_sagemaker.examples": "examples"},
    package_data={"flytekit_sagemaker": ["py.typed", "_generated/**/*.pyi", "algorithms/*.json", "kubeflow/*.yaml"]},
    python_requires=">=3.10,<3.13",
    install_requires=[
        # flytekit brings aiobotocore, which wants one botocore and no other. Named here, pip decides on it before it
        # decides on botocore or boto3; the other way round it searches for many minutes.
        "aiobotocore>=2.13",
        "botocore>=1.34",
        "flyteidl>=1.16",
        # With what serving a connector takes: the gRPC health service and the Prometheus client.
        "flytekit[connector]>=1.16",
        "grpcio",
        "prometheus-client",
        "protobuf>=4.25",
        "pyyaml",
    ],
    extras_require={"local": LOCAL, "kubeflow": KUBEFLOW, "dev": DEV},
    entry_points={
        "console_scripts": ["flytekit-sagemaker = flytekit_sagemaker.cli:main"],
        "flytekit.plugins": ["sagemaker = flytekit_sagemaker.connector.registration"],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
