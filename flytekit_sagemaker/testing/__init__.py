"""Help for the tests of this package and of programs that build on it; nothing in the package itself needs it.

- :mod:`~flytekit_sagemaker.testing.simulation`: a SageMaker account in memory, with AWS's quotas, on a clock that a
  test moves; its jobs' :mod:`~flytekit_sagemaker.testing.lives`, and the :mod:`~flytekit_sagemaker.testing.faults` that
  befall its answers.
- :mod:`~flytekit_sagemaker.testing.simulated_server`: the same over HTTP, for anything that is built on boto3.
- :mod:`~flytekit_sagemaker.testing.conformance`: a pytest suite for anything that claims to be SageMaker.
- :mod:`~flytekit_sagemaker.testing.builders`: minimal valid values of this package's models.
- :mod:`~flytekit_sagemaker.testing.clock`: time that a test moves.
"""
