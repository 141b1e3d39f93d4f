"""The Flyte connector: turns this package's tasks into SageMaker jobs, follows them and brings back their results."""
