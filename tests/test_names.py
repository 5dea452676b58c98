from __future__ import annotations

import pytest

from lennonnet_gui import names


@pytest.mark.parametrize(
    ("probability", "number"), [(0.0, 0), (0.004, 0), (0.29, 29), (0.9151, 92), (1.0, 100)]
)
def test_per_cent_is_whole_and_stays_on_one_line(probability: float, number: int) -> None:
    assert names.per_cent(probability) == f"{number}\N{NARROW NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("photos", "folders", "words"),
    [(0, 0, "0 photos"), (1, 0, "1 photo"), (0, 1, "1 folder"), (1200, 2, "1,200 photos and 2 folders")],
)
def test_photos_and_folders_are_counted_together(photos: int, folders: int, words: str) -> None:
    assert names.photos_and_folders(photos, folders) == words
