"""How long jobs take, so that one can guess when one ends."""

from __future__ import annotations

_WEIGHT_OF_THE_LATEST = 0.3
_LEAST_WINDOW_IN_SECONDS = 30.0
_MOST_FAMILIES = 1000


class UsualLengths:
    """The usual length of each family of jobs, and whether it has one at all."""

    def __init__(self) -> None:
        self._lengths: dict[str, tuple[float, float]] = {}  # seconds, and their usual deviation

    def learn(self, family: str, seconds: float) -> None:
        """A job of the family took so long."""
        usual, deviation = self._lengths.pop(family, (seconds, seconds))
        deviation += _WEIGHT_OF_THE_LATEST * (abs(seconds - usual) - deviation)
        self._lengths[family] = (usual + _WEIGHT_OF_THE_LATEST * (seconds - usual), deviation)
        if len(self._lengths) > _MOST_FAMILIES:
            del self._lengths[next(iter(self._lengths))]

    def is_near(self, family: str, age: float) -> bool:
        """Whether a job of this age, in seconds, is about to end if it is like the others."""
        usual, deviation = self._lengths.get(family, (0.0, 0.0))
        return deviation < usual / 4 and abs(age - usual) < max(2 * deviation, _LEAST_WINDOW_IN_SECONDS)
