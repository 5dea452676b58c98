from __future__ import annotations

import pytest

from lennonnet_gui import names


@pytest.mark.parametrize(
    ("probability", "number"), [(0.0, 0), (0.004, 0), (0.29, 29), (0.9151, 92), (1.0, 100)]
)
def test_per_cent_is_whole_and_stays_on_one_line(probability: float, number: int) -> None:
    assert names.per_cent(probability) == f"{number}\N{NARROW NO-BREAK SPACE}%"
