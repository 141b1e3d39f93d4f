"""SageMaker's built-in algorithms: images, hyperparameters, metrics, channels and training data."""

from flytekit_sagemaker.algorithms.catalogue import Algorithm, algorithm
from flytekit_sagemaker.algorithms.images import algorithm_of_image, identify_image, image_uri
from flytekit_sagemaker.algorithms.rules import TunedRange

__all__ = ["Algorithm", "TunedRange", "algorithm", "algorithm_of_image", "identify_image", "image_uri"]
