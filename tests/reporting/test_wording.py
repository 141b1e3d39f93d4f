from __future__ import annotations

import pytest

from flytekit_sagemaker.reporting.wording import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (0.2, "<1 s"), (0.99, "<1 s"), (1, "1 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_a_duration_is_as_exact_as_it_is_short(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words
