"""One model, two hosts: each takes half of the data, and they average their gradients after every step.

Softmax regression on handwritten digits in NumPy, no framework. Two hosts are two processes here and two machines in
SageMaker; either way they find each other by ``MASTER_ADDR`` and ``MASTER_PORT``, as PyTorch's do:

    python examples/two_hosts.py
    pyflyte run examples/two_hosts.py compare
    pyflyte run --remote examples/two_hosts.py compare

For AWS, put your own registry into ``image``, and ``pip wheel --no-deps --wheel-dir dist .`` before you register.
"""

import os
import time
from contextlib import ExitStack
from multiprocessing.connection import Client, Connection, Listener
from typing import NamedTuple

import numpy as np
from flytekit import current_context, workflow

from flytekit_sagemaker import custom_training_job_task, report_metric, sagemaker_image
from flytekit_sagemaker.models.training_job import TrainingJobConfig

image = sagemaker_image(
    registry="111122223333.dkr.ecr.eu-west-1.amazonaws.com",
    packages=["numpy", "scikit-learn"],
    this_package="dist/flytekit_sagemaker-0.1.0-py3-none-any.whl",
)


class Group(ExitStack):
    """The hosts of a job, which share what they know through the first of them."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.leader: Connection | None = None
        self.followers: list[Connection] = []
        address = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
        if rank > 0:
            self.leader = self.enter_context(_connected(address))
        elif size > 1:
            with Listener(address) as listener:
                self.followers = [self.enter_context(listener.accept()) for _ in range(size - 1)]

    def mean(self, values: np.ndarray) -> np.ndarray:
        """The mean of the arrays that all hosts call this with at the same time."""
        if self.leader:
            self.leader.send_bytes(values.tobytes())
            return np.frombuffer(self.leader.recv_bytes()).reshape(values.shape)
        others = [np.frombuffer(follower.recv_bytes()).reshape(values.shape) for follower in self.followers]
        mean = sum(others, values) / self.size
        for follower in self.followers:
            follower.send_bytes(mean.tobytes())
        return mean


def _connected(address: tuple[str, int], patience: float = 60) -> Connection:
    """A connection to the first host, as soon as it listens."""
    give_up = time.monotonic() + patience
    while True:
        try:
            return Client(address)
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


class Trained(NamedTuple):
    """Accuracy on digits that no host has seen, and how many images each host held."""

    accuracy: float
    images_per_host: int


def train_softmax(steps: int) -> Trained:
    """Train on this host's share of the images, in step with the other hosts."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    hosts = current_context().distributed_context
    images, digits = load_digits(return_X_y=True)
    images = np.column_stack([images / 16, np.ones(len(images))])
    train, test, train_digits, test_digits = train_test_split(images, digits, test_size=397, random_state=0)
    own = slice(hosts.rank, None, hosts.world_size)
    pixels, targets = train[own], np.eye(10)[train_digits[own]]

    weights = np.zeros((pixels.shape[1], 10))
    velocity = np.zeros_like(weights)
    with Group(hosts.rank, hosts.world_size) as group:
        for step in range(steps):
            scores = np.exp(pixels @ weights)
            gradient = pixels.T @ (scores / scores.sum(axis=1, keepdims=True) - targets) / len(pixels)
            velocity = 0.9 * velocity - 0.5 * group.mean(gradient)
            weights += velocity
            if step % 50 == 49:
                report_metric("accuracy", np.mean((test @ weights).argmax(axis=1) == test_digits), step=step + 1)
    return Trained(float(np.mean((test @ weights).argmax(axis=1) == test_digits)), len(pixels))


def on(instance_count: int) -> TrainingJobConfig:
    """So many hosts."""
    return TrainingJobConfig(instance_type="ml.m5.large", instance_count=instance_count, volume_size_in_gb=5)


@custom_training_job_task(training_job_config=on(1), container_image=image)
def train_on_one_host(steps: int) -> Trained:
    """Train alone."""
    return train_softmax(steps)


@custom_training_job_task(training_job_config=on(2), container_image=image)
def train_on_two_hosts(steps: int) -> Trained:
    """Train together; the outputs are those of the first host."""
    return train_softmax(steps)


class Comparison(NamedTuple):
    """The same training on one host and on two."""

    one_accuracy: float
    one_images: int
    two_accuracy: float
    two_images: int


@workflow
def compare(steps: int = 200) -> Comparison:
    """Train on one host, then on two: averaged gradients of halves are the gradient of the whole."""
    one, two = train_on_one_host(steps=steps), train_on_two_hosts(steps=steps)
    return Comparison(one.accuracy, one.images_per_host, two.accuracy, two.images_per_host)


if __name__ == "__main__":
    result = compare()
    print(f"one host:  accuracy {result.one_accuracy:.4f}, {result.one_images} images")
    print(f"two hosts: accuracy {result.two_accuracy:.4f}, {result.two_images} images each")
