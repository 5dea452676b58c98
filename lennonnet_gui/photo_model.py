"""The photos of the open folder as rows: their scores, their order, and which of them are shown.

Facts lie in columns by photo id, a number given in order of arrival; what the view sees is one array of ids.
Sorting or filtering 100,000 photos is then a numpy sort and a single layoutChanged. A QSortFilterProxyModel
would ask Python for every comparison: 13 seconds for the same.

Nothing moves by itself. What arrives late changes a row where it stands or is appended; only sort_by, resort,
set_filter, and set_zones under a zone filter put rows elsewhere.
"""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from lennonnet_gui import names
from training.zones import Zone, Zones

if TYPE_CHECKING:
    from training.photos import PhotoFile

_Index = QModelIndex | QPersistentModelIndex
_Ids = npt.NDArray[np.int32]
_Floats = npt.NDArray[np.float64]

# A photo's category is its Zone (0, 1, 2) or one of these, in one byte. A verdict decides it before a score does.
_WAITING, _UNREADABLE, _GONE = 3, 4, 5
_ZONED = len(Zone)  # categories below this are zones
_NO_VERDICT = len(Zone)

_MOST_REMOVALS = 8  # more separate gaps than this are closed at once, by one layoutChanged
_FEWEST_TO_COMPACT = 4096


class State(IntEnum):
    """How far a photo has come."""

    WAITING = 0
    SCORED = 1
    UNREADABLE = 2


class SortKey(StrEnum):
    """What the photos are ordered by; equal ones by NAME. The strings are what settings keep."""

    NAME = "name"  # folder by folder, IMG_2 before IMG_10: the order of the scan
    SCORE = "score"
    TAKEN = "taken"  # when the picture was taken; where that is not known, when the file was last changed
    UNSURE = "unsure"  # least sure first


@dataclass(frozen=True, slots=True)
class Counts:
    """How many photos there are, shown and hidden ones together."""

    total: int = 0
    waiting: int = 0
    unreadable: int = 0
    by_zone: tuple[int, int, int] = (0, 0, 0)  # by Zone


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """What was found in the faces of N photos.

    counts: (N,), how many there are; -1: nobody has looked
    boxes: (N, 4) left, top, right, bottom of the face that decided, in fractions of the photo; NaN where none did
    """

    counts: npt.NDArray[np.int32]
    boxes: npt.NDArray[np.float32]


PathRole = int(Qt.ItemDataRole.UserRole)
"""The path as text; Qt mangles a name that is not UTF-8, so what opens files takes FileRole's path."""
FileRole = PathRole + 1
"""The PhotoFile."""
ProbabilityRole = PathRole + 2
"""The probability (0 to 1) of being the subject, or None."""
ZoneRole = PathRole + 3
"""The Zone, or None: what the user said of the photo or, where nothing, what its score says."""
StateRole = PathRole + 4
"""The State."""
ReasonRole = PathRole + 5
"""Why the photo can't be read, in words that follow a file name; "" for all others."""
TakenRole = PathRole + 6
"""When the photo was taken, as YYYY-MM-DDTHH:MM:SS in the camera's local time; "" where not known."""
VerdictRole = PathRole + 7
"""What the user said of the photo: Zone.SUBJECT, Zone.NOT_SUBJECT or, where nothing, None."""
ScoreZoneRole = PathRole + 8
"""The Zone of the score alone, whatever the user said; None where there is no score."""
FaceCountRole = PathRole + 9
"""How many faces were found; None where nobody has looked."""
DecidingFaceRole = PathRole + 10
"""Left, top, right and bottom, in fractions of the photo, of the face that decided its score; None where none did."""
DecidedByRole = PathRole + 11
"""What the score is from: "face", "scene" or, without a score, ""."""

_TEXT_ROLES = [int(Qt.ItemDataRole.ToolTipRole), int(Qt.ItemDataRole.AccessibleTextRole)]
_ZONE_ROLES = [ZoneRole, ScoreZoneRole, *_TEXT_ROLES]
_FACE_ROLES = [FaceCountRole, DecidingFaceRole, DecidedByRole]
_FACT_ROLES = [ProbabilityRole, StateRole, ReasonRole, TakenRole, *_ZONE_ROLES, *_FACE_ROLES]
_VERDICT_ROLES = [VerdictRole, ZoneRole, *_TEXT_ROLES]


class PhotoModel(QAbstractListModel):
    """Rows of photos in the shown order, after filter and sort; see the roles above.

    Everything is addressed by path, and whatever is said about a path that is not there is dropped: results
    that come late, for a photo that is gone or a folder that was left, fall away.
    """

    counts_changed = Signal()
    order_stale = Signal(bool)
    """Whether sorting again would move photos, or drop some that no longer pass the filter."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._zones = Zones()
        self._subject = ""
        self._key, self._descending = SortKey.NAME, False
        self._words: tuple[str, ...] = ()
        self._only: Mapping[str, float] | None = None  # see show_only
        self._passing = _passing_categories(frozenset(), False)  # by category
        self._moved_only = False
        self._stale = False
        self._forget_photos()

    def _forget_photos(self) -> None:
        self._by_path: dict[str, int] = {}
        self._files: list[PhotoFile] = []
        self._names: list[str] = []  # folded for the filter
        self._sort_names: list[str] = []  # text whose plain order is the natural one
        self._reasons: dict[int, str] = {}
        self._probability: _Floats = np.empty(0)
        self._category: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        self._verdict: npt.NDArray[np.uint8] = np.empty(0, np.uint8)  # a Zone or _NO_VERDICT
        self._before: npt.NDArray[np.uint8] = np.empty(0, np.uint8)  # categories when watch_zones was called
        self._moved: npt.NDArray[np.bool_] = np.empty(
            0, np.bool_
        )  # to another zone since then; see settle_zones
        self._faces: npt.NDArray[np.int32] = np.empty(0, np.int32)  # -1: nobody has looked
        self._box: npt.NDArray[np.float32] = np.empty((0, 4), np.float32)  # NaN: no face decided
        self._named: npt.NDArray[np.bool_] = np.empty(0, np.bool_)  # passes the name filter
        self._rank: _Floats = np.empty(0)  # of those that alone are shown; NaN: of others
        self._modified: npt.NDArray[np.int64] = np.empty(0, np.int64)  # seconds, UTC
        self._taken: npt.NDArray[np.datetime64] = np.empty(0, "M8[s]")
        self._row: _Ids = np.empty(0, np.int32)  # -1: hidden
        self._shown: _Ids = np.empty(0, np.int32)
        self._by_name: _Ids = np.empty(0, np.int32)  # ids by NAME, as far as known; see _name_order
        self._counts: Counts | None = Counts()

    # ---------------------------------------------------------------------------------- what the view asks

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """How many photos are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The fact `role` of a photo; None for other roles and for rows that are not there."""
        row = index.row()
        if not 0 <= row < len(self._shown):
            return None
        photo = int(self._shown[row])
        category = int(self._category[photo])
        if role == FileRole:
            return self._files[photo]
        if role == ProbabilityRole:
            probability = float(self._probability[photo])
            return None if np.isnan(probability) else probability
        if role == ZoneRole:
            return Zone(category) if category < _ZONED else None
        if role == VerdictRole:
            return self._verdict_of(photo)
        if role == ScoreZoneRole:
            probability = float(self._probability[photo])
            return None if np.isnan(probability) else self._zones.zone(probability)
        if role == StateRole:
            return self._state(photo)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._shown_name(photo)
        if role == PathRole:
            return self._files[photo].path
        if role == ReasonRole:
            return self._reasons.get(photo, "")
        if role == TakenRole:
            taken = self._taken[photo]
            return "" if np.isnat(taken) else str(taken)
        if role == FaceCountRole:
            return None if self._faces[photo] < 0 else int(self._faces[photo])
        if role == DecidingFaceRole:
            return None if np.isnan(self._box[photo, 0]) else tuple(self._box[photo].tolist())
        if role == DecidedByRole:
            if np.isnan(self._probability[photo]):
                return ""
            return "scene" if np.isnan(self._box[photo, 0]) else "face"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._in_words(photo, category)
        if role == Qt.ItemDataRole.ToolTipRole:
            return names.in_tool_tip(self._in_words(photo, category))
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Every photo can be selected and dragged."""
        return (
            super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled
            if index.isValid()
            else Qt.ItemFlag.NoItemFlags
        )

    def supportedDragActions(self) -> Qt.DropAction:
        """Photos are only ever copied: no drag may move a file."""
        return Qt.DropAction.CopyAction

    def _shown_name(self, photo: int) -> str:
        return names.shown(self._files[photo].path.rpartition(os.sep)[2])

    def _in_words(self, photo: int, category: int) -> str:
        name, verdict, probability = (
            self._shown_name(photo),
            self._verdict_of(photo),
            self._probability[photo],
        )
        if category == _UNREADABLE:
            said = f"can't be read: {self._reasons[photo]}"
        else:
            said = "no score yet" if np.isnan(probability) else f"{round(100 * probability)} per cent"
        if verdict is not None:
            return f"{name}: {said}, labelled {verdict.words(self._subject)} by you"
        return (
            f"{name}: {said}, {Zone(category).words(self._subject)}"
            if category < _ZONED
            else f"{name}: {said}"
        )

    def _verdict_of(self, photo: int) -> Zone | None:
        verdict = int(self._verdict[photo])
        return None if verdict == _NO_VERDICT else Zone(verdict)

    def _state(self, photo: int) -> State:
        if self._category[photo] == _UNREADABLE:
            return State.UNREADABLE
        return State.WAITING if np.isnan(self._probability[photo]) else State.SCORED

    # -------------------------------------------------------------------------- what is known of the photos

    def row_of(self, path: str) -> int:
        """The row that shows `path`, or -1 where it is hidden or not known."""
        photo = self._by_path.get(path)
        return -1 if photo is None else int(self._row[photo])

    def file_at(self, row: int) -> PhotoFile:
        """The photo in `row`. Raises IndexError for a row that is not there."""
        if not 0 <= row < len(self._shown):
            raise IndexError(f"there is no row {row} among {len(self._shown)}")
        return self._files[int(self._shown[row])]

    def counts(self) -> Counts:
        """How many photos wait, are unreadable and lie in each zone, hidden ones too.

        A photo that the user labelled lies in its zone also while it waits, and then counts as both.
        """
        if self._counts is None:
            no, unsure, yes, _waiting, unreadable, _gone = np.bincount(self._category, minlength=6).tolist()
            total = len(self._by_path)
            waiting = total - unreadable - int(np.count_nonzero(self._scored()))
            self._counts = Counts(total, waiting, unreadable, (no, unsure, yes))
        return self._counts

    def probabilities(self) -> _Floats:
        """The probabilities of all scored photos, hidden and labelled ones too, in no particular order."""
        return self._probability[self._scored()]

    def _scored(self) -> npt.NDArray[np.bool_]:
        scored: npt.NDArray[np.bool_] = ~np.isnan(self._probability) & (self._category != _GONE)
        return scored

    def files(self, rows: range) -> list[PhotoFile]:
        """The photos in `rows`, which must all be there."""
        return [self._files[photo] for photo in self._shown[rows.start : rows.stop].tolist()]

    def facts(self) -> list[tuple[PhotoFile, float | None, str]]:
        """All photos, hidden ones too, in the order of their names: file, probability or None, and when taken or ""."""
        ids = self._name_order()
        ids = ids[self._category[ids] != _GONE]
        taken = np.datetime_as_string(self._taken[ids]).tolist()
        return [
            (
                self._files[photo],
                None if np.isnan(probability) else probability,
                "" if date == "NaT" else date,
            )
            for photo, probability, date in zip(
                ids.tolist(), self._probability[ids].tolist(), taken, strict=True
            )
        ]

    def labelled_probabilities(self, verdict: Zone) -> _Floats:
        """The probabilities of those scored photos that the user labelled so: what the score alone says of them."""
        labelled: _Floats = self._probability[self._scored() & (self._verdict == verdict)]
        return labelled

    def unreadable(self) -> list[tuple[str, str]]:
        """Path and reason of every photo that can't be read, hidden ones too."""
        return [(self._files[photo].path, reason) for photo, reason in sorted(self._reasons.items())]

    def is_order_stale(self) -> bool:
        """What order_stale said last."""
        return self._stale

    # ------------------------------------------------------------------------------ what becomes of a photo

    def clear(self) -> None:
        """Forget all photos; subject, zones, order and filter stay."""
        self.beginResetModel()
        self._forget_photos()
        self.endResetModel()
        self._set_stale(False)
        self.counts_changed.emit()

    def add(self, files: Iterable[PhotoFile]) -> None:
        """Append photos that wait for their score, in the order given; known ones are left as they are."""
        first = len(self._files)
        by_path = self._by_path
        modified: list[int] = []
        for file in files:
            path = file.path
            if path in by_path:
                continue
            by_path[path] = first + len(modified)
            folder, _, name = path.rpartition(os.sep)
            folded = _fold(name)
            self._files.append(file)
            self._names.append(folded)
            self._sort_names.append(_folder_key(folder) + _natural(folded))
            modified.append(file.mtime_ns // 1_000_000_000)
        if not modified:
            return
        more = len(modified)
        self._probability = np.append(self._probability, np.full(more, np.nan))
        self._category = np.append(self._category, np.full(more, _WAITING, np.uint8))
        self._verdict = np.append(self._verdict, np.full(more, _NO_VERDICT, np.uint8))
        self._before = np.append(self._before, np.full(more, _WAITING, np.uint8))
        self._moved = np.append(self._moved, np.zeros(more, np.bool_))
        self._modified = np.append(self._modified, np.array(modified, np.int64))
        self._taken = np.append(self._taken, np.full(more, "NaT", "M8[s]"))
        self._faces = np.append(self._faces, np.full(more, -1, np.int32))
        self._box = np.append(self._box, np.full((more, 4), np.nan, np.float32), axis=0)
        self._row = np.append(self._row, np.full(more, -1, np.int32))
        self._named = np.append(self._named, self._match_names(self._names[first:]))
        self._rank = np.append(self._rank, self._ranks(first))
        self._facts_changed(np.arange(first, first + more, dtype=np.int32), _FACT_ROLES)

    def change(self, files: Iterable[PhotoFile]) -> None:
        """Take note that known files have a new content: score and verdict are forgotten, their row stays."""
        changed = []
        for file in files:
            photo = self._by_path.get(file.path)
            if photo is not None:
                self._files[photo] = file
                self._modified[photo] = file.mtime_ns // 1_000_000_000
                self._reasons.pop(photo, None)
                changed.append(photo)
        ids = np.array(changed, np.int32)
        self._probability[ids] = np.nan
        self._category[ids] = _WAITING
        self._verdict[ids] = _NO_VERDICT
        self._taken[ids] = np.datetime64("NaT")
        self._faces[ids], self._box[ids] = -1, np.nan
        self._facts_changed(ids, [FileRole, VerdictRole, *_FACT_ROLES])

    def set_scores(
        self,
        paths: Sequence[str],
        probabilities: npt.ArrayLike,
        taken: Sequence[str] = (),
        faces: FaceFacts | None = None,
    ) -> None:
        """Give photos their probabilities (N,), 0 to 1, and, where given, when they were taken and their faces.

        `taken` is empty, or has for each path YYYY-MM-DDTHH:MM:SS or "".
        Raises ValueError where the lengths differ.
        """
        given = np.asarray(probabilities, np.float64)
        if given.shape != (len(paths),) or len(taken) not in (0, len(paths)):
            raise ValueError(f"{len(paths)} paths, probabilities {given.shape}, {len(taken)} dates")
        if faces is not None and (len(faces.counts), *faces.boxes.shape) != (len(paths), len(paths), 4):
            raise ValueError(f"{len(paths)} paths, faces {faces.counts.shape} and {faces.boxes.shape}")
        ids = self._ids_of(paths)
        known = ids >= 0
        ids, given = ids[known], given[known]
        for photo in ids[self._category[ids] == _UNREADABLE]:
            self._reasons.pop(int(photo), None)
        self._probability[ids] = given
        self._category[ids] = self._readable_categories(ids)
        if len(taken):
            self._taken[ids] = _parse_dates(taken)[known]
        if faces is not None:
            self._faces[ids], self._box[ids] = faces.counts[known], faces.boxes[known]
        self._facts_changed(ids, _FACT_ROLES)

    def set_verdicts(self, verdicts: Mapping[str, Zone | None]) -> None:
        """Take note of what the user said of photos, by path: the subject, not the subject, or None for nothing.

        Photos not named keep what they have. Scores are kept beside it. Raises ValueError for Zone.UNSURE.
        """
        if Zone.UNSURE in verdicts.values():
            raise ValueError("a verdict is the subject, not the subject, or None")
        ids = self._ids_of(list(verdicts))
        given = np.array([_NO_VERDICT if zone is None else zone for zone in verdicts.values()], np.uint8)
        ids, given = ids[ids >= 0], given[ids >= 0]
        ids, given = ids[given != self._verdict[ids]], given[given != self._verdict[ids]]
        self._verdict[ids] = given
        readable = ids[self._category[ids] != _UNREADABLE]
        self._category[readable] = self._readable_categories(readable)
        self._facts_changed(ids, _VERDICT_ROLES)

    def _readable_categories(self, ids: _Ids) -> npt.NDArray[np.uint8]:
        """The categories of photos that can be read, or may: by verdict, else by score, else they wait."""
        probabilities, verdicts = self._probability[ids], self._verdict[ids]
        by_score = np.where(np.isnan(probabilities), np.uint8(_WAITING), self._zones_of(probabilities))
        return np.asarray(np.where(verdicts == _NO_VERDICT, by_score, verdicts), np.uint8)

    def set_failed(self, reasons: Mapping[str, str]) -> None:
        """Take note that photos can't be read: by path, why, in words to follow a file name: "is cut off"."""
        failed = {self._by_path[path]: reason for path, reason in reasons.items() if path in self._by_path}
        self._reasons.update(failed)
        ids = np.array(list(failed), np.int32)
        self._category[ids] = _UNREADABLE
        self._probability[ids] = np.nan
        self._facts_changed(ids, _FACT_ROLES)

    def remove(self, paths: Iterable[str]) -> None:
        """Take photos out, at once also thousands; those that stay keep their order and selection."""
        found = (self._by_path.pop(path, None) for path in paths)
        ids = np.array([photo for photo in found if photo is not None], np.int32)
        if not len(ids):
            return
        rows = np.sort(self._row[ids])
        rows = rows[rows >= 0]
        gaps = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if len(rows) else []
        if len(gaps) <= _MOST_REMOVALS:
            for gap in reversed(gaps):
                first, last = int(gap[0]), int(gap[-1])
                self.beginRemoveRows(QModelIndex(), first, last)
                self._show(np.delete(self._shown, slice(first, last + 1)))
                self.endRemoveRows()
        else:
            self._lay_out(np.delete(self._shown, rows))
        # Only now: while rows go, views still ask about those that are left of them.
        self._category[ids] = _GONE
        for photo in ids.tolist():
            self._reasons.pop(photo, None)
        self._compact_if_mostly_gone()
        self._counts = None
        self.counts_changed.emit()

    def _facts_changed(self, ids: _Ids, roles: list[int]) -> None:
        """Tell the view that the columns of these photos changed: rows that change, and rows that join."""
        if not len(ids):
            return
        self._counts = None
        rows = self._row[ids]
        joining = _unique(ids[(rows < 0) & self._passes(ids)]) if (rows < 0).any() else ids[:0]
        rows = rows[rows >= 0]
        if len(rows):
            # One signal over the hull: a signal for each run costs more than repainting what is on screen.
            self.dataChanged.emit(self.index(int(rows.min())), self.index(int(rows.max())), roles)
        if len(joining):
            end = len(self._shown)
            self.beginInsertRows(QModelIndex(), end, end + len(joining) - 1)
            self._row[joining] = np.arange(end, end + len(joining), dtype=np.int32)
            self._shown = np.append(self._shown, joining)
            self.endInsertRows()
            rows = np.append(rows, self._row[joining])
        if len(rows) and not self._stale:
            in_place = self._passes(self._shown[rows]).all() and self._in_order_around(rows)
            self._set_stale(not in_place)
        self.counts_changed.emit()

    # ---------------------------------------------------------------------------------- subject and zones

    def set_subject(self, name: str) -> None:
        """Name the subject, for the texts."""
        if name != self._subject:
            self._subject = name
            self._all_changed(_TEXT_ROLES)

    def set_zones(self, zones: Zones) -> None:
        """Part the scores anew; under a zone filter the rows follow at once."""
        if zones == self._zones:
            return
        self._zones = zones
        by_score = np.flatnonzero(self._scored() & (self._verdict == _NO_VERDICT))
        self._category[by_score] = self._zones_of(self._probability[by_score])
        self._counts = None
        if self._passing.all():
            self._all_changed(_ZONE_ROLES)
        else:
            self.resort()
        self.counts_changed.emit()

    def zones(self) -> Zones:
        """The thresholds in force."""
        return self._zones

    def watch_zones(self) -> None:
        """Remember in which zone each photo lies: all are about to be scored anew."""
        self._before = self._category.copy()

    def settle_zones(self) -> int:
        """How many photos went to another zone since watch_zones, by their scores and not by a verdict.

        A filter by `moved_only` shows these, and none else, until the next time.
        """
        before, now = self._before, self._category
        self._moved = (before < _ZONED) & (now < _ZONED) & (before != now) & (self._verdict == _NO_VERDICT)
        if self._moved_only:
            self.resort()
        return int(np.count_nonzero(self._moved))

    def _all_changed(self, roles: list[int]) -> None:
        if len(self._shown):
            self.dataChanged.emit(self.index(0), self.index(len(self._shown) - 1), roles)

    def _zones_of(self, probabilities: _Floats) -> npt.NDArray[np.uint8]:
        """Zones.zone for many: in float64 like there, or 0.65 from a float32 falls on the other side."""
        above = (probabilities >= self._zones.low).astype(np.uint8) + (probabilities >= self._zones.high)
        return np.asarray(above, np.uint8)

    # ----------------------------------------------------------------------------------- order and filter

    def sort_by(self, key: SortKey, descending: bool = False) -> None:
        """Order the rows by `key`; in the orders by score, photos without one come last either way."""
        self._key, self._descending = SortKey(key), descending
        self.resort()

    def set_filter(
        self,
        zones: Collection[Zone] = frozenset(),
        text: str = "",
        *,
        unreadable_only: bool = False,
        moved_only: bool = False,
    ) -> None:
        """Show only photos in `zones` (empty: all) whose file name has every word of `text` in it.

        `moved_only`: of these, those that went to another zone when the scores were last settled.
        """
        self._passing = _passing_categories(frozenset(zones), unreadable_only)
        self._moved_only = moved_only
        self._words = tuple(_fold(text).split())
        self._named = self._match_names(self._names)
        self.resort()

    def resort(self) -> None:
        """Bring order and filter up to date with the scores."""
        ids = self._sorted()
        self._lay_out(ids[self._passes(ids)])
        self._set_stale(False)

    def _passes(self, ids: _Ids) -> npt.NDArray[np.bool_]:
        passes: npt.NDArray[np.bool_] = self._passing[self._category[ids]] & self._named[ids]
        if self._only is not None:
            passes &= ~np.isnan(self._rank[ids])
        return passes & self._moved[ids] if self._moved_only else passes

    def show_only(self, ranks: Mapping[str, float] | None) -> None:
        """Show of all photos only these, by path, in the order of the numbers; with None, all in the usual order.

        The filter holds as well.
        """
        self._only = ranks
        self._rank = self._ranks(0)
        self.resort()

    def shows_only_some(self) -> bool:
        """Whether `show_only` is in force."""
        return self._only is not None

    def _ranks(self, first: int) -> _Floats:
        only = self._only or {}
        return np.array([only.get(file.path, np.nan) for file in self._files[first:]], np.float64)

    def _match_names(self, folded: list[str]) -> npt.NDArray[np.bool_]:
        matching = np.ones(len(folded), np.bool_)
        for word in self._words:
            matching &= np.array([word in name for name in folded], np.bool_)
        return matching

    def _sorted(self) -> _Ids:
        """The ids of all photos, hidden ones too, in the order asked for."""
        ids = self._name_order()
        ids = np.asarray(ids[self._category[ids] != _GONE], np.int32)
        if self._key is SortKey.NAME and self._only is None:
            return ids[::-1] if self._descending else ids
        return np.asarray(ids[np.argsort(self._sort_values(ids), kind="stable")], np.int32)

    def _name_order(self) -> _Ids:
        known = len(self._by_name)
        if known < len(self._files):
            # What is new goes behind what is sorted: Python's sort then only merges the runs.
            ids = [*self._by_name.tolist(), *range(known, len(self._files))]
            self._by_name = np.array(sorted(ids, key=self._sort_names.__getitem__), np.int32)
        return self._by_name

    def _sort_values(self, ids: _Ids) -> _Floats:
        """The numbers (len(ids),) that the order rises by, for all keys but NAME."""
        if self._only is not None:
            return np.nan_to_num(self._rank[ids], nan=np.inf)
        sign = -1.0 if self._descending else 1.0
        if self._key is SortKey.TAKEN:
            taken = self._taken[ids]
            unknown = np.isnat(taken)
            seconds = taken.astype(np.int64)
            seconds[unknown] = _local_time(self._modified[ids[unknown]])
            return np.asarray(sign * seconds, np.float64)
        values: _Floats = self._probability[ids]
        if self._key is SortKey.UNSURE:
            values = np.abs(values - 0.5)
        values *= sign
        category = self._category[ids]
        values[np.isnan(values)] = 2.0  # beyond any probability
        values[category == _UNREADABLE] = 3.0
        return values

    def _in_order_around(self, rows: npt.NDArray[np.int32]) -> bool:
        """Whether these rows stand rightly between their neighbours."""
        before = _unique(np.append(rows, rows - 1))
        before = before[(before >= 0) & (before < len(self._shown) - 1)]
        first, second = self._shown[before], self._shown[before + 1]
        if self._key is not SortKey.NAME or self._only is not None:
            return bool((self._sort_values(first) <= self._sort_values(second)).all())
        if self._descending:
            first, second = second, first
        key = self._sort_names
        return all(key[a] <= key[b] for a, b in zip(first.tolist(), second.tolist(), strict=True))

    def _lay_out(self, ids: _Ids) -> None:
        """Show `ids`, in their order, and take selection and current photo along.

        A layoutChanged that also changes the number of rows makes QItemSelectionModel forget a selection of
        all (it then saves only the corners). So rows that go are first moved to the end and let go of, then
        removed there; rows that come are inserted at the end, then moved to their places.
        """
        wanted = np.zeros(len(self._files), np.bool_)
        wanted[ids] = True
        going = self._shown[~wanted[self._shown]]
        stays = self._row[ids] >= 0
        staying, coming = ids[stays], ids[~stays]
        self._permute(np.append(staying, going), len(staying))
        if len(going):
            self.beginRemoveRows(QModelIndex(), len(staying), len(self._shown) - 1)
            self._show(staying)
            self.endRemoveRows()
        if len(coming):
            self.beginInsertRows(QModelIndex(), len(staying), len(ids) - 1)
            self._show(np.append(staying, coming))
            self.endInsertRows()
            self._permute(ids, len(ids))

    def _permute(self, ids: _Ids, holding: int) -> None:
        """Bring the rows into another order; what is held beyond row `holding` is let go of."""
        if holding == len(ids) and np.array_equal(ids, self._shown):
            return
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        photos = [int(self._shown[index.row()]) for index in held]
        self._show(ids)
        rows = [int(self._row[photo]) for photo in photos]
        self.changePersistentIndexList(
            held, [self.index(row) if row < holding else QModelIndex() for row in rows]
        )
        self.layoutChanged.emit()

    def _show(self, ids: _Ids) -> None:
        self._row.fill(-1)
        self._row[ids] = np.arange(len(ids), dtype=np.int32)
        self._shown = ids

    def _set_stale(self, stale: bool) -> None:
        if stale != self._stale:
            self._stale = stale
            self.order_stale.emit(stale)

    def _ids_of(self, paths: Sequence[str]) -> _Ids:
        get = self._by_path.get
        return np.fromiter((get(path, -1) for path in paths), np.int32, len(paths))

    def _compact_if_mostly_gone(self) -> None:
        """Number the photos anew where most ids belong to none, as after a day of a watched, busy folder."""
        if len(self._files) < max(_FEWEST_TO_COMPACT, 2 * len(self._by_path)):
            return
        kept = np.flatnonzero(self._category != _GONE)
        new = np.full(len(self._files), -1, np.int32)
        new[kept] = np.arange(len(kept), dtype=np.int32)
        ids = kept.tolist()
        self._files = [self._files[photo] for photo in ids]
        self._names = [self._names[photo] for photo in ids]
        self._sort_names = [self._sort_names[photo] for photo in ids]
        self._by_path = {file.path: photo for photo, file in enumerate(self._files)}
        self._reasons = {int(new[photo]): reason for photo, reason in self._reasons.items()}
        self._probability, self._category = self._probability[kept], self._category[kept]
        self._verdict, self._before, self._moved = self._verdict[kept], self._before[kept], self._moved[kept]
        self._named, self._modified, self._taken = self._named[kept], self._modified[kept], self._taken[kept]
        self._faces, self._box, self._rank = self._faces[kept], self._box[kept], self._rank[kept]
        self._row, self._shown = self._row[kept], new[self._shown]
        self._by_name = np.empty(0, np.int32)


def _passing_categories(zones: frozenset[Zone], unreadable_only: bool) -> npt.NDArray[np.bool_]:
    if unreadable_only:
        wanted: Collection[int] = (_UNREADABLE,)
    else:
        wanted = zones or range(_GONE + 1)
    return np.array([category in wanted for category in range(_GONE + 1)])


_DIGITS = re.compile("[0-9]+")


def _fold(text: str) -> str:
    """`text` without case, and with an accented letter as one letter, which macOS stores as two."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).casefold()


def _natural(text: str) -> str:
    """Folded `text` rewritten so that plain comparison puts numbers by their size: "2" before "10"."""
    return _DIGITS.sub(_number_by_size, text)


def _number_by_size(digits: re.Match[str]) -> str:
    number = digits[0].lstrip("0")
    return f"0{chr(1 + len(number))}{number}"  # "0" keeps it among digits; then longer is larger


@lru_cache(maxsize=4096)
def _folder_key(folder: str) -> str:
    """What goes before the name: puts a folder's own photos (\\0) before those of its subfolders (\\1)."""
    return _natural(_fold(folder)).replace(os.sep, "\1") + "\0"


def _unique(numbers: _Ids) -> _Ids:
    """The numbers in ascending order, each once. np.unique would import numpy.ma, for a stall of 20 ms."""
    ordered = np.sort(numbers)
    return ordered[np.append(True, np.diff(ordered) > 0)] if len(ordered) else ordered


def _parse_dates(dates: Sequence[str]) -> npt.NDArray[np.datetime64]:
    try:
        return np.array(dates, "M8[s]")
    except ValueError:  # cameras write what they like: lose one date, not all
        return np.concatenate([_parse_date(date) for date in dates])


def _parse_date(date: str) -> npt.NDArray[np.datetime64]:
    try:
        return np.array([date], "M8[s]")
    except ValueError:
        return np.array(["NaT"], "M8[s]")


def _local_time(seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Seconds since 1970 (N,), in UTC, as seconds since 1970 on the clock on this machine's wall."""
    slots, slot_of = np.unique(seconds // _CLOCK_CHANGE, return_inverse=True)
    offsets = np.array([_utc_offset(slot * _CLOCK_CHANGE) for slot in slots.tolist()], np.int64)
    return np.asarray(seconds + offsets[slot_of], np.int64)


_CLOCK_CHANGE = 1800  # clocks are changed on the hour, or at half past


def _utc_offset(seconds: int) -> int:
    """By how many seconds local time was ahead of UTC."""
    try:
        return time.localtime(seconds).tm_gmtoff
    except (OverflowError, OSError, ValueError):  # a file from before 1970, on Windows, or a broken date
        return 0
