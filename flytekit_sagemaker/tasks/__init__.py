"""The tasks that users put into workflows."""

from flytekit_sagemaker.tasks import tracebacks

tracebacks.install()
