"""The verdict ledger at work: gestures are kept one after the other, on the one thread that keeps.

Each method is a job for that thread (Lane.KEEPING): a generator that tells the GUI thread what is on the disk by now.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from training.photos import PhotoFile
from training.verdicts import Box, Entry, FaceOf, FaceSaid, FaceVerdict, Ledger, Said, Verdict
from training.zones import Zone

MOST_LATEST = 60
"""So many of the latest labelled photos are known for each bin."""

Bin = tuple[Zone, str]
"""Where labels lie: the zone, and for a look-alike its id, else ""."""

VERDICTS = {Zone.SUBJECT: Verdict.SUBJECT, Zone.NOT_SUBJECT: Verdict.NOT_SUBJECT}
ZONES = {verdict: zone for zone, verdict in VERDICTS.items()}

_AT_ONCE = 2000  # labels told of in one event: a hundred thousand at once would hold up the window


def bin_of(said: Said) -> Bin:
    """The bin that a label puts a photo into."""
    return ZONES[said.verdict], said.group


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the ledger has of a subject, or a part of it; `last` once all of it was told."""

    subject: str
    photos: list[tuple[PhotoFile, bytes | None, Said]]
    latest: dict[Bin, list[PhotoFile]]
    last: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """Photos of a gesture that is on the disk, and what holds of each by now; `last` once all of them were named."""

    subject: str
    entry: Entry
    photos: list[tuple[PhotoFile, bytes | None, Said | None]]
    last: bool


@dataclass(frozen=True, slots=True)
class FacesLabelled:
    """What holds of all labelled faces of a subject by now, by the digest of their photo."""

    subject: str
    said: Mapping[bytes, Sequence[tuple[Box, FaceSaid]]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a gesture is about: photos, each with its digest if that is known, and faces."""

    photos: Sequence[tuple[PhotoFile, bytes | None]] = ()
    faces: Sequence[FaceOf] = ()


@dataclass(frozen=True, slots=True)
class Corrected:
    """What holds of photos, where that is not what was thought before their bytes were known."""

    subject: str
    photos: list[tuple[PhotoFile, bytes | None, Said | None]]


@dataclass(frozen=True, slots=True)
class Latest:
    """The photos that came into each bin last."""

    subject: str
    latest: dict[Bin, list[PhotoFile]]


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence for the user."""

    words: str


class LedgerDesk:
    """The ledger, opened when it is first wanted, on the thread that keeps, and left open there."""

    def __init__(self) -> None:
        self._open: Ledger | None = None
        self._told = ""

    def load(self, subject: str) -> Generator[Loaded | FacesLabelled | Told, None, None]:
        """All labels of a subject."""
        ledger = self._ledger()
        yield from self._news()
        yield FacesLabelled(subject, ledger.faces_said(subject))
        known = ledger.photos(subject)
        groups = {said.group for _, _, said in known if said.group}
        latest = _latest(ledger, subject, tuple(groups))
        for start in range(0, max(1, len(known)), _AT_ONCE):
            yield Loaded(subject, known[start : start + _AT_ONCE], latest, start + _AT_ONCE >= len(known))

    def latest(self, subject: str, groups: Sequence[str]) -> Generator[Latest, None, None]:
        """The photos that came last into the bins of the subject, those of its look-alikes too."""
        yield Latest(subject, _latest(self._ledger(), subject, groups))

    def label(
        self,
        subject: str,
        choose: Callable[[], Chosen],
        said: Said | None,
        source: str,
        face_verdict: FaceVerdict | None = None,
    ) -> Generator[Kept | FacesLabelled | Told, None, None]:
        """Keep a gesture; `choose` is asked on this thread what it is about. The look-alike is that of `said`."""
        chosen = choose()
        items, faces = chosen.photos, chosen.faces
        if not items and not faces:
            return
        group = "" if said is None else said.group
        verdict = said.verdict if said is not None and items else None
        entry = self._ledger().label(
            items, subject, verdict, source, group, faces=faces, face_verdict=face_verdict
        )
        yield from self._news()
        yield from self._faces(subject, entry)
        yield from _in_parts(subject, entry, [(file, digest, said) for file, digest in items])

    def undo(self, subject: str) -> Generator[Kept | FacesLabelled | Told, None, None]:
        """Take the last gesture back that stands."""
        yield from self._turned(subject, self._ledger().undo(subject), "There is nothing to undo.")

    def redo(self, subject: str) -> Generator[Kept | FacesLabelled | Told, None, None]:
        """Bring back the gesture that was undone last."""
        yield from self._turned(subject, self._ledger().redo(subject), "There is nothing to redo.")

    def take_back(self, subject: str, number: int) -> Generator[Kept | FacesLabelled | Told, None, None]:
        """Take back the gesture of this number."""
        yield from self._turned(subject, self._ledger().take_back(number), "")

    def bring_back(self, subject: str, number: int) -> Generator[Kept | FacesLabelled | Told, None, None]:
        """Bring back the gesture of this number."""
        yield from self._turned(subject, self._ledger().bring_back(number), "")

    def history(self, subject: str, most: int) -> Generator[list[Entry], None, None]:
        """The latest gestures, newest first."""
        yield self._ledger().history(subject, most)

    def resolve(
        self, subject: str, photos: Sequence[tuple[PhotoFile, bytes, Said | None]]
    ) -> Generator[Corrected, None, None]:
        """Say what labelled photos hold, which nobody had read before, and what was thought to hold of them.

        A copy may have been labelled since, under another name: then that holds of both.
        """
        ledger = self._ledger()
        ledger.resolve([(file, digest) for file, digest, _ in photos])
        holds = ledger.said_of(subject, (file for file, _, _ in photos))
        others = [(file, digest) for file, digest, said in photos if holds.get(file.path) != said]
        yield Corrected(subject, [(file, digest, holds.get(file.path)) for file, digest in others])

    def saw(self, pairs: Sequence[tuple[PhotoFile, bytes]]) -> Generator[None, None, None]:
        """Say where labelled photos lie now."""
        self._ledger().saw(pairs)
        yield

    def close(self) -> Generator[None, None, None]:
        """Close the ledger; the next job opens it again."""
        if self._open is not None:
            self._open.close()
            self._open = None
        yield

    def _ledger(self) -> Ledger:
        if self._open is None:
            self._open = Ledger()
        return self._open

    def _news(self) -> Generator[Told, None, None]:
        """What the user should know of the ledger's file and was not told yet."""
        words = self._ledger().notice
        if words and words != self._told:
            yield Told(words)
        self._told = words

    def _faces(self, subject: str, entry: Entry) -> Generator[FacesLabelled, None, None]:
        if entry.faces:
            yield FacesLabelled(subject, self._ledger().faces_said(subject))

    def _turned(
        self, subject: str, entry: Entry | None, nothing: str
    ) -> Generator[Kept | FacesLabelled | Told, None, None]:
        """The photos of a gesture, with what holds of each now that it was taken back, or brought back."""
        if entry is None:
            if nothing:
                yield Told(nothing)
            return
        yield from self._faces(subject, entry)
        items = self._ledger().photos_of(entry)
        holds = self._ledger().said_of(subject, (file for file, _ in items))
        yield from _in_parts(subject, entry, [(file, digest, holds.get(file.path)) for file, digest in items])


def _latest(ledger: Ledger, subject: str, groups: Sequence[str]) -> dict[Bin, list[PhotoFile]]:
    bins = [Said(Verdict.SUBJECT), *(Said(Verdict.NOT_SUBJECT, group) for group in ("", *groups))]
    return {
        bin_of(said): ledger.latest(subject, said.verdict, MOST_LATEST, group=said.group) for said in bins
    }


def _in_parts(
    subject: str, entry: Entry, items: list[tuple[PhotoFile, bytes | None, Said | None]]
) -> Generator[Kept, None, None]:
    for start in range(0, max(1, len(items)), _AT_ONCE):
        some = items[start : start + _AT_ONCE]
        yield Kept(subject, entry, some, start + _AT_ONCE >= len(items))
