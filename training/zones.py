"""The three answers to "is it John?" and the two thresholds that part them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Zone(IntEnum):
    """What a probability means to the user; ordered from "no" to "yes"."""

    NOT_SUBJECT = 0
    UNSURE = 1
    SUBJECT = 2

    def label(self, subject: str) -> str:
        """The zone's name in tables and files, such as ``not_john`` for the subject "john"."""
        return {Zone.NOT_SUBJECT: f"not_{subject}", Zone.UNSURE: "not_sure", Zone.SUBJECT: subject}[self]

    def words(self, subject: str) -> str:
        """The zone's name in sentences, such as "not John" for the subject "john"."""
        name = subject[:1].upper() + subject[1:]
        return {Zone.NOT_SUBJECT: f"not {name}", Zone.UNSURE: "not sure", Zone.SUBJECT: name}[self]


@dataclass(frozen=True, slots=True)
class Zones:
    """Two thresholds on a probability: below `low` is "not John", from `high` on is "John", between them "not sure".

    Raises ValueError unless 0 <= low <= high <= 1.
    """

    low: float = 0.35
    high: float = 0.65

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.high <= 1.0:
            raise ValueError(f"zones need 0 <= low <= high <= 1, got {self.low} and {self.high}")

    def zone(self, probability: float) -> Zone:
        """The zone that `probability` (0 to 1) falls into."""
        if probability >= self.high:
            return Zone.SUBJECT
        return Zone.NOT_SUBJECT if probability < self.low else Zone.UNSURE
