from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from lennonnet_gui.photo_model import (
    Counts,
    FileRole,
    PathRole,
    PhotoModel,
    ProbabilityRole,
    ReasonRole,
    ScoreZoneRole,
    SortKey,
    State,
    StateRole,
    TakenRole,
    VerdictRole,
    ZoneRole,
)
from training.photos import PhotoFile
from training.zones import Zone, Zones

ROOT = os.sep + "pictures"


def photo(name: str, modified: int = 0) -> PhotoFile:
    return PhotoFile(f"{ROOT}/{name}".replace("/", os.sep), 1000, modified * 1_000_000_000)


def path(name: str) -> str:
    return photo(name).path


def shown(model: PhotoModel) -> list[str]:
    return [
        model.file_at(row).path.removeprefix(ROOT + os.sep).replace(os.sep, "/")
        for row in range(model.rowCount())
    ]


@pytest.fixture
def model(qapp: object) -> PhotoModel:
    model = PhotoModel()
    model.set_subject("john")
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    return model


def filled(model: PhotoModel, **probabilities: float) -> PhotoModel:
    """Photos a.jpg, b.jpg... with their scores."""
    model.add([photo(f"{name}.jpg") for name in probabilities])
    model.set_scores([path(f"{name}.jpg") for name in probabilities], list(probabilities.values()))
    return model


# ------------------------------------------------------------------------------------------------- facts


def test_a_new_photo_waits(model: PhotoModel) -> None:
    model.add([photo("a.jpg")])
    index = model.index(0)
    assert index.data() == "a.jpg"
    assert index.data(PathRole) == path("a.jpg")
    assert index.data(FileRole) == photo("a.jpg")
    assert index.data(StateRole) == State.WAITING
    assert index.data(ProbabilityRole) is None
    assert index.data(ZoneRole) is None
    assert index.data(ReasonRole) == ""
    assert index.data(TakenRole) == ""
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "a.jpg: no score yet"
    assert model.counts() == Counts(1, 1, 0, (0, 0, 0))


def test_a_score_is_a_number_a_zone_and_words(model: PhotoModel) -> None:
    model.add([photo("IMG_4.jpg")])
    model.set_scores([path("IMG_4.jpg")], [0.92], ["2019-07-06T12:30:00"])
    index = model.index(0)
    assert index.data(StateRole) == State.SCORED
    assert index.data(ProbabilityRole) == 0.92
    assert index.data(ZoneRole) is Zone.SUBJECT
    assert index.data(TakenRole) == "2019-07-06T12:30:00"
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "IMG_4.jpg: 92 per cent, John"
    assert model.counts() == Counts(1, 0, 0, (0, 0, 1))
    model.set_subject("mila")
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "IMG_4.jpg: 92 per cent, Mila"


def test_an_unreadable_photo_says_why(model: PhotoModel) -> None:
    model.add([photo("IMG_5.jpg"), photo("b.jpg")])
    model.set_failed({path("IMG_5.jpg"): "is cut off"})
    index = model.index(0)
    assert index.data(StateRole) == State.UNREADABLE
    assert index.data(ReasonRole) == "is cut off"
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "IMG_5.jpg: can't be read: is cut off"
    assert model.unreadable() == [(path("IMG_5.jpg"), "is cut off")]
    assert model.counts() == Counts(2, 1, 1, (0, 0, 0))


def test_an_unreadable_photo_that_is_read_after_all_is_no_longer_unreadable(model: PhotoModel) -> None:
    model.add([photo("a.jpg")])
    model.set_failed({path("a.jpg"): "is cut off"})
    model.set_scores([path("a.jpg")], [0.5])
    assert model.unreadable() == []
    assert model.counts() == Counts(1, 0, 0, (0, 1, 0))


def test_a_changed_photo_waits_again_in_its_place(model: PhotoModel) -> None:
    filled(model, a=0.1, b=0.9, c=0.5)
    new = replace(photo("b.jpg"), size=7)
    model.change([new, photo("gone.jpg")])
    assert shown(model) == ["a.jpg", "b.jpg", "c.jpg"]
    assert model.file_at(1) is new
    assert model.index(1).data(StateRole) == State.WAITING
    assert model.index(1).data(ProbabilityRole) is None
    assert sorted(model.probabilities()) == [0.1, 0.5]


def test_late_results_fall_away(model: PhotoModel) -> None:
    filled(model, a=0.1)
    model.set_scores([path("gone.jpg"), path("a.jpg")], [0.9, 0.2], ["2019-07-06T12:30:00", ""])
    model.set_failed({path("gone.jpg"): "is empty"})
    model.remove([path("gone.jpg")])
    model.change([photo("gone.jpg")])
    assert shown(model) == ["a.jpg"]
    assert model.index(0).data(ProbabilityRole) == 0.2
    assert model.index(0).data(TakenRole) == ""
    assert model.unreadable() == []


def test_a_photo_is_added_once(model: PhotoModel) -> None:
    filled(model, a=0.9)
    model.add([photo("a.jpg"), photo("b.jpg"), photo("b.jpg")])
    assert shown(model) == ["a.jpg", "b.jpg"]
    assert model.index(0).data(ProbabilityRole) == 0.9


def test_results_of_unequal_length_are_refused(model: PhotoModel) -> None:
    filled(model, a=0.9, b=0.5)
    with pytest.raises(ValueError, match="2 paths"):
        model.set_scores([path("a.jpg"), path("b.jpg")], [0.5])
    with pytest.raises(ValueError, match="1 dates"):
        model.set_scores([path("a.jpg"), path("b.jpg")], [0.5, 0.5], ["2019-07-06T12:30:00"])


def test_zones_agree_with_the_command_line_on_their_edges(model: PhotoModel) -> None:
    edges = np.array([0.35, 0.65, np.nextafter(np.float32(0.65), np.float32(1))], np.float32)
    filled(model, a=0, b=0, c=0)
    model.set_scores([path("a.jpg"), path("b.jpg"), path("c.jpg")], edges)
    assert [model.index(row).data(ZoneRole) for row in range(3)] == [Zones().zone(float(p)) for p in edges]


def test_zones_recolour_at_once(model: PhotoModel, qtbot: object) -> None:
    filled(model, a=0.1, b=0.5, c=0.9)
    changed: list[list[int]] = []
    model.dataChanged.connect(lambda first, last, roles: changed.append([first.row(), last.row()]))
    model.set_zones(Zones(0.05, 0.45))
    assert model.counts().by_zone == (0, 1, 2)
    assert changed == [[0, 2]]


def test_a_name_that_is_no_text_keeps_its_path(model: PhotoModel) -> None:
    odd = photo("line\nbreak-\udcff.jpg")
    model.add([odd])
    assert model.index(0).data() == "line\N{REPLACEMENT CHARACTER}break-\N{REPLACEMENT CHARACTER}.jpg"
    assert model.index(0).data(FileRole).path == odd.path
    assert model.row_of(odd.path) == 0


def test_a_name_is_no_markup_in_the_tool_tip(model: PhotoModel) -> None:
    model.add([photo("<img src=x>.jpg")])
    assert "<img" not in model.index(0).data(Qt.ItemDataRole.ToolTipRole)


def test_rows_that_are_not_there(model: PhotoModel) -> None:
    filled(model, a=0.5)
    assert model.row_of(path("b.jpg")) == -1
    assert model.data(QModelIndex(), FileRole) is None
    with pytest.raises(IndexError):
        model.file_at(1)
    with pytest.raises(IndexError):
        model.file_at(-1)


def test_clear_leaves_nothing_but_the_settings(model: PhotoModel) -> None:
    filled(model, a=0.1, b=0.9)
    model.sort_by(SortKey.SCORE, descending=True)
    model.set_filter({Zone.SUBJECT})
    model.clear()
    assert (model.rowCount(), model.counts(), model.probabilities().size) == (0, Counts(), 0)
    filled(model, c=0.7, d=0.8, e=0.1)
    model.resort()
    assert shown(model) == ["d.jpg", "c.jpg"]


# ------------------------------------------------------------------------------------------------- order


def test_names_are_ordered_as_people_count(model: PhotoModel) -> None:
    names = [
        "IMG_10.jpg",
        "img_2.jpg",
        "IMG_1.jpg",
        "b.jpg",
        "A.jpg",
        "IMG_007.jpg",
        "img.jpg",
        "2.jpg",
        "10.jpg",
    ]
    model.add(map(photo, names))
    assert shown(model) == names
    assert model.is_order_stale()
    model.sort_by(SortKey.NAME)
    in_order = [
        "2.jpg", "10.jpg", "A.jpg", "b.jpg", "img.jpg",
        "IMG_1.jpg", "img_2.jpg", "IMG_007.jpg", "IMG_10.jpg",
    ]  # fmt: skip
    assert shown(model) == in_order
    model.sort_by(SortKey.NAME, descending=True)
    assert shown(model) == in_order[::-1]


def test_the_order_of_a_scan_is_the_order_of_names(model: PhotoModel) -> None:
    scanned = ["z.jpg", "trip 2/b.jpg", "trip 2/day 1/a.jpg", "trip 10/a.jpg", "trip 10/IMG_9.jpg"]
    model.add(map(photo, scanned[:2]))
    model.add(map(photo, scanned[2:]))
    assert not model.is_order_stale()
    model.resort()
    assert shown(model) == scanned


@pytest.mark.parametrize("descending", [False, True])
def test_photos_without_a_score_come_last_in_orders_by_score(model: PhotoModel, descending: bool) -> None:
    model.add(map(photo, ["bad.jpg", "late.jpg"]))
    filled(model, a=0.2, b=0.9, c=0.6)
    model.set_failed({path("bad.jpg"): "is empty"})
    model.sort_by(SortKey.SCORE, descending)
    scored = ["a.jpg", "c.jpg", "b.jpg"]
    assert shown(model) == [*(scored[::-1] if descending else scored), "late.jpg", "bad.jpg"]


def test_least_sure_first(model: PhotoModel) -> None:
    filled(model, a=0.02, b=0.55, c=0.4, d=0.99)
    model.sort_by(SortKey.UNSURE)
    assert shown(model) == ["b.jpg", "c.jpg", "a.jpg", "d.jpg"]
    model.sort_by(SortKey.UNSURE, descending=True)
    assert shown(model) == ["d.jpg", "a.jpg", "c.jpg", "b.jpg"]


def test_equal_scores_are_ordered_by_name(model: PhotoModel) -> None:
    model.add(map(photo, ["c.jpg", "a.jpg", "b.jpg"]))
    model.set_scores([path("c.jpg"), path("a.jpg"), path("b.jpg")], [0.5, 0.5, 0.5])
    for descending in (False, True):
        model.sort_by(SortKey.SCORE, descending)
        assert shown(model) == ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no tzset")
def test_a_photo_without_a_date_is_ordered_by_its_file_in_local_time(
    model: PhotoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")  # 5:30 ahead, so UTC would put b.jpg before a.jpg
    time.tzset()
    try:
        model.add(
            [photo("a.jpg"), photo("b.jpg", modified=1_562_416_200), photo("c.jpg")]
        )  # 18:00 local, 12:30 UTC
        dates = ["2019-07-06T15:00:00", "", "not a date"]
        model.set_scores([path("a.jpg"), path("b.jpg"), path("c.jpg")], [0.5, 0.5, 0.5], dates)
        model.sort_by(SortKey.TAKEN)
        assert shown(model) == ["c.jpg", "a.jpg", "b.jpg"]
        model.sort_by(SortKey.TAKEN, descending=True)
        assert shown(model) == ["b.jpg", "a.jpg", "c.jpg"]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_scores_move_nothing_until_asked(model: PhotoModel) -> None:
    said: list[bool] = []
    model.order_stale.connect(said.append)
    model.sort_by(SortKey.SCORE, descending=True)
    model.add(map(photo, ["a.jpg", "b.jpg", "c.jpg"]))
    model.set_scores([path("a.jpg")], [0.3])
    assert said == []  # still right: those that wait come last
    model.set_scores([path("c.jpg")], [0.9])
    model.set_scores([path("b.jpg")], [0.5])
    assert shown(model) == ["a.jpg", "b.jpg", "c.jpg"]
    assert said == [True]
    model.resort()
    assert shown(model) == ["c.jpg", "b.jpg", "a.jpg"]
    assert said == [True, False]


# ---------------------------------------------------------------------------------------------- verdicts


def test_a_verdict_decides_the_zone_and_leaves_the_score(model: PhotoModel) -> None:
    filled(model, a=0.92, b=0.1)
    model.set_verdicts({path("a.jpg"): Zone.NOT_SUBJECT, path("gone.jpg"): Zone.SUBJECT})
    index = model.index(0)
    assert index.data(VerdictRole) is Zone.NOT_SUBJECT
    assert index.data(ZoneRole) is Zone.NOT_SUBJECT
    assert index.data(ScoreZoneRole) is Zone.SUBJECT
    assert index.data(ProbabilityRole) == 0.92
    assert index.data(StateRole) == State.SCORED
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "a.jpg: 92 per cent, labelled not John by you"
    assert model.index(1).data(VerdictRole) is None
    assert model.counts() == Counts(2, 0, 0, (2, 0, 0))
    assert sorted(model.probabilities()) == [0.1, 0.92]
    assert model.labelled_probabilities(Zone.NOT_SUBJECT).tolist() == [0.92]
    assert model.labelled_probabilities(Zone.SUBJECT).tolist() == []
    model.set_scores([path("a.jpg")], [0.99])
    model.set_zones(Zones(0.05, 0.95))
    assert index.data(ZoneRole) is Zone.NOT_SUBJECT
    model.set_verdicts({path("a.jpg"): None})
    assert index.data(VerdictRole) is None
    assert index.data(ZoneRole) is Zone.SUBJECT
    assert model.counts() == Counts(2, 0, 0, (0, 1, 1))


def test_a_verdict_comes_before_the_score(model: PhotoModel) -> None:
    model.add([photo("a.jpg"), photo("b.jpg")])
    model.set_verdicts({path("a.jpg"): Zone.SUBJECT})
    index = model.index(0)
    assert index.data(ZoneRole) is Zone.SUBJECT
    assert index.data(ProbabilityRole) is None and index.data(ScoreZoneRole) is None
    assert index.data(StateRole) == State.WAITING
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "a.jpg: no score yet, labelled John by you"
    assert model.counts() == Counts(2, 2, 0, (0, 0, 1))  # it still has to be scored
    assert len(model.probabilities()) == 0
    model.set_filter({Zone.SUBJECT})
    assert shown(model) == ["a.jpg"]


def test_what_cant_be_read_can_be_labelled_and_stays_unreadable(model: PhotoModel) -> None:
    filled(model, a=0.9)
    model.set_failed({path("a.jpg"): "is empty"})
    model.set_verdicts({path("a.jpg"): Zone.NOT_SUBJECT})
    index = model.index(0)
    assert index.data(StateRole) == State.UNREADABLE
    assert index.data(ZoneRole) is None and index.data(VerdictRole) is Zone.NOT_SUBJECT
    said = "a.jpg: can't be read: is empty, labelled not John by you"
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == said
    assert model.counts() == Counts(1, 0, 1, (0, 0, 0))
    model.set_scores([path("a.jpg")], [0.9])
    assert index.data(ZoneRole) is Zone.NOT_SUBJECT


def test_a_verdict_is_of_a_content(model: PhotoModel) -> None:
    filled(model, a=0.9)
    model.set_verdicts({path("a.jpg"): Zone.NOT_SUBJECT})
    model.change([replace(photo("a.jpg"), size=7)])
    assert model.index(0).data(VerdictRole) is None
    assert model.counts() == Counts(1, 1, 0, (0, 0, 0))


def test_unsure_is_no_verdict(model: PhotoModel) -> None:
    filled(model, a=0.9)
    with pytest.raises(ValueError, match="verdict"):
        model.set_verdicts({path("a.jpg"): Zone.UNSURE})


def test_verdicts_tell_the_view_only_what_changed(model: PhotoModel, qtbot: QtBot) -> None:
    filled(model, a=0.9, b=0.5, c=0.1)
    model.set_verdicts({path("b.jpg"): Zone.SUBJECT})
    with qtbot.assertNotEmitted(model.dataChanged):
        model.set_verdicts({path("b.jpg"): Zone.SUBJECT, path("gone.jpg"): None})
        model.set_verdicts({})
    with qtbot.waitSignal(model.dataChanged) as told:
        model.set_verdicts({path("b.jpg"): Zone.SUBJECT, path("c.jpg"): Zone.SUBJECT})
    first, last, roles = told.args
    assert (first.row(), last.row()) == (2, 2)
    assert VerdictRole in roles and ZoneRole in roles


def test_files_of_rows_come_in_their_order(model: PhotoModel) -> None:
    filled(model, a=0.1, b=0.9, c=0.5)
    model.sort_by(SortKey.SCORE, descending=True)
    assert model.files(range(1, 3)) == [photo("c.jpg"), photo("a.jpg")]


# ------------------------------------------------------------------------------------------------ filter


def test_the_name_filter_wants_every_word_in_the_file_name(model: PhotoModel) -> None:
    model.add(map(photo, ["john/Paul and Ringo.jpg", "Ringo.jpg", "RINGO PAUL.png", "Stra\u00dfe.jpg"]))
    model.set_filter(text="  ringo PAUL ")
    assert shown(model) == ["RINGO PAUL.png", "john/Paul and Ringo.jpg"]
    model.set_filter(text="john")
    assert shown(model) == []
    model.set_filter(text="STRASSE")
    assert shown(model) == ["Stra\u00dfe.jpg"]
    model.set_filter()
    assert model.rowCount() == 4


def test_the_name_filter_finds_accents_as_macos_stores_them(model: PhotoModel) -> None:
    model.add([photo("cafe\u0301.jpg")])
    model.set_filter(text="caf\u00e9")
    assert model.rowCount() == 1


def test_the_name_filter_holds_for_photos_that_come_later(model: PhotoModel) -> None:
    model.set_filter(text="b")
    model.add(map(photo, ["a.jpg", "b.jpg"]))
    assert shown(model) == ["b.jpg"]
    assert model.counts().total == 2


def test_under_a_zone_filter_photos_join_at_the_end_and_none_leaves(model: PhotoModel) -> None:
    filled(model, a=0.9, b=0.1, c=0.8)
    model.set_filter({Zone.SUBJECT})
    model.add([photo("d.jpg")])
    assert shown(model) == ["a.jpg", "c.jpg"]
    model.set_scores([path("b.jpg"), path("a.jpg"), path("d.jpg")], [0.95, 0.05, 0.2])
    assert shown(model) == ["a.jpg", "c.jpg", "b.jpg"]
    assert model.is_order_stale()
    model.resort()
    assert shown(model) == ["b.jpg", "c.jpg"]
    assert not model.is_order_stale()


def test_zones_refilter_under_a_zone_filter(model: PhotoModel) -> None:
    filled(model, a=0.9, b=0.5, c=0.7)
    model.set_filter({Zone.SUBJECT})
    model.set_zones(Zones(0.2, 0.8))
    assert shown(model) == ["a.jpg"]
    model.set_zones(Zones(0.2, 0.4))
    assert shown(model) == ["a.jpg", "b.jpg", "c.jpg"]


def test_only_the_unreadable(model: PhotoModel) -> None:
    filled(model, a=0.9, b=0.5)
    model.set_failed({path("b.jpg"): "is empty"})
    model.set_filter(unreadable_only=True)
    assert shown(model) == ["b.jpg"]
    model.set_failed({path("a.jpg"): "is empty"})
    assert shown(model) == ["b.jpg", "a.jpg"]


# ----------------------------------------------------------------------------------- selection and removal


@pytest.mark.parametrize("count", [3, 2000])
def test_the_selection_goes_along(model: PhotoModel, count: int) -> None:
    names = [f"{number}.jpg" for number in range(count)]
    model.add(map(photo, names))
    model.set_scores([path(name) for name in names], np.linspace(0, 1, count))
    selection = QItemSelectionModel(model)
    selection.setCurrentIndex(model.index(0), QItemSelectionModel.SelectionFlag.SelectCurrent)
    model.sort_by(SortKey.SCORE, descending=True)
    assert [index.row() for index in selection.selectedIndexes()] == [count - 1]
    assert selection.currentIndex().row() == count - 1
    model.set_filter({Zone.SUBJECT})
    assert not selection.hasSelection()
    assert not selection.currentIndex().isValid()


def test_all_stay_selected_when_all_are_sorted_or_some_hidden(model: PhotoModel) -> None:
    names = [f"{number}.jpg" for number in range(2000)]
    model.add(map(photo, names))
    scores = np.random.default_rng(0).random(2000)
    model.set_scores([path(name) for name in names], scores)
    selection = QItemSelectionModel(model)
    everything = QItemSelection(model.index(0), model.index(1999))
    selection.select(everything, QItemSelectionModel.SelectionFlag.ClearAndSelect)
    model.sort_by(SortKey.SCORE, descending=True)
    assert sorted(index.row() for index in selection.selectedIndexes()) == list(range(2000))
    model.set_filter({Zone.UNSURE})
    assert sorted(index.row() for index in selection.selectedIndexes()) == list(range(model.rowCount()))
    model.set_filter()
    assert len(selection.selectedIndexes()) == model.counts().by_zone[Zone.UNSURE]


@pytest.mark.parametrize("gone", [[0], [2, 3], [0, 5, 9], list(range(0, 40, 2)), list(range(40))])
def test_removal_closes_the_gaps(model: PhotoModel, gone: list[int]) -> None:
    names = [f"{number}.jpg" for number in range(40)]
    model.add(map(photo, names))
    kept = QPersistentModelIndex(model.index(7))
    model.remove([path(names[number]) for number in gone])
    assert shown(model) == [name for number, name in enumerate(names) if number not in gone]
    assert model.counts().total == 40 - len(gone)
    assert kept.isValid() == (7 not in gone)
    if kept.isValid():
        assert kept.data() == "7.jpg"
    assert all(model.row_of(path(names[number])) == -1 for number in gone)


def test_ten_thousand_of_many_are_removed_at_once(model: PhotoModel) -> None:
    names = [f"{number}.jpg" for number in range(12_000)]
    model.add(map(photo, names))
    model.set_scores([path(name) for name in names], np.linspace(0, 1, len(names)))
    model.set_failed({path("11999.jpg"): "is empty"})
    model.remove([path(name) for name in names[:10_000]])
    assert shown(model) == names[10_000:]
    assert model.counts() == Counts(2000, 0, 1, (0, 0, 1999))
    assert model.unreadable() == [(path("11999.jpg"), "is empty")]
    model.add([photo("0.jpg")])  # and one comes back
    model.resort()
    assert shown(model) == ["0.jpg", *names[10_000:]]


# ------------------------------------------------------------------------ against a model that is all naive


@dataclass
class Known:
    file: PhotoFile
    number: int
    probability: float | None = None
    reason: str = ""
    verdict: Zone | None = None


def natural(path: str) -> list[object]:
    folder, _, name = path.rpartition(os.sep)
    return [
        [
            (not part.isdigit(), int(part) if part.isdigit() else part)
            for part in re.split("([0-9]+)", text)
            if part
        ]
        for text in (folder.casefold(), name.casefold())
    ]


NAMES = st.sampled_from([f"{stem}{number}.jpg" for stem in ("a", "B", "IMG_") for number in (1, 2, 10, 11)])
SCORES = st.sampled_from([0.0, 0.1, 0.349, 0.35, 0.5, 0.6, 0.65, 0.9, 1.0])


class AgainstNaive(RuleBasedStateMachine):
    """Whatever is done, the model holds and shows what a few lines of plain Python would."""

    @initialize()
    def begin(self) -> None:
        self.model = PhotoModel()
        self.tester = QAbstractItemModelTester(
            self.model, QAbstractItemModelTester.FailureReportingMode.Fatal
        )
        self.known: dict[str, Known] = {}
        self.rows: list[str] = []
        self.zones, self.wanted, self.word, self.unreadable_only = Zones(), frozenset[Zone](), "", False
        self.key, self.descending, self.added = SortKey.NAME, False, 0
        self.model.order_stale.connect(self.went_stale)
        self.counted = 0
        self.held: list[tuple[str, QPersistentModelIndex]] = []

    def went_stale(self, stale: bool) -> None:
        rows = [self.model.file_at(row).path for row in range(self.model.rowCount())]
        assert stale == (rows != self.ordered())

    def passes(self, path: str) -> bool:
        known = self.known[path]
        if self.word.casefold() not in path.rpartition(os.sep)[2].casefold():
            return False
        if self.unreadable_only:
            return bool(known.reason)
        return not self.wanted or self.zone(known) in self.wanted

    def zone(self, known: Known) -> Zone | None:
        if known.reason:
            return None
        if known.verdict is not None:
            return known.verdict
        return None if known.probability is None else self.zones.zone(known.probability)

    def ordered(self) -> list[str]:
        def value(path: str) -> float:
            known, sign = self.known[path], -1 if self.descending else 1
            if known.probability is None:
                return 3 if known.reason else 2
            return sign * (known.probability if self.key is SortKey.SCORE else abs(known.probability - 0.5))

        paths = sorted(
            filter(self.passes, self.known), key=lambda path: (natural(path), self.known[path].number)
        )
        if self.key is SortKey.NAME:
            return paths[::-1] if self.descending else paths
        return sorted(paths, key=value)

    def hold(self) -> None:
        self.held = [
            (path, QPersistentModelIndex(self.model.index(row))) for row, path in enumerate(self.rows)
        ]

    def join(self) -> None:
        new = [path for path in self.known if path not in self.rows and self.passes(path)]
        self.rows += sorted(new, key=lambda path: self.known[path].number)

    @rule(names=st.lists(NAMES, max_size=6))
    def add(self, names: list[str]) -> None:
        self.hold()
        for name in names:
            if path(name) not in self.known:
                self.known[path(name)] = Known(photo(name), self.added)
                self.added += 1
        self.model.add([photo(name) for name in names])
        self.join()

    @rule(scores=st.lists(st.tuples(NAMES, SCORES), max_size=6))
    def score(self, scores: list[tuple[str, float]]) -> None:
        self.hold()
        for name, probability in scores:
            if path(name) in self.known:
                self.known[path(name)].probability = probability
                self.known[path(name)].reason = ""
        self.model.set_scores([path(name) for name, _ in scores], [score for _, score in scores])
        self.join()

    @rule(
        verdicts=st.dictionaries(NAMES, st.sampled_from([Zone.SUBJECT, Zone.NOT_SUBJECT, None]), max_size=6)
    )
    def label(self, verdicts: dict[str, Zone | None]) -> None:
        self.hold()
        for name, verdict in verdicts.items():
            if path(name) in self.known:
                self.known[path(name)].verdict = verdict
        self.model.set_verdicts({path(name): verdict for name, verdict in verdicts.items()})
        self.join()

    @rule(name=NAMES)
    def fail(self, name: str) -> None:
        self.hold()
        if path(name) in self.known:
            self.known[path(name)].probability, self.known[path(name)].reason = None, "is empty"
        self.model.set_failed({path(name): "is empty"})
        self.join()

    @rule(names=st.sets(NAMES, max_size=8))
    def remove(self, names: set[str]) -> None:
        self.hold()
        for name in names:
            self.known.pop(path(name), None)
        self.rows = [row for row in self.rows if row in self.known]
        self.model.remove([path(name) for name in names])

    @rule(names=st.lists(NAMES, max_size=3))
    def change(self, names: list[str]) -> None:
        self.hold()
        for name in names:
            if path(name) in self.known:
                self.known[path(name)].probability, self.known[path(name)].reason = None, ""
                self.known[path(name)].verdict = None
        self.model.change([photo(name) for name in names])
        self.join()

    @rule(key=st.sampled_from([SortKey.NAME, SortKey.SCORE, SortKey.UNSURE]), descending=st.booleans())
    def sort(self, key: SortKey, descending: bool) -> None:
        self.hold()
        self.key, self.descending = key, descending
        self.model.sort_by(key, descending)
        self.rows = self.ordered()

    @rule(
        zones=st.frozensets(st.sampled_from(Zone)),
        word=st.sampled_from(["", "img", "1"]),
        unreadable=st.booleans(),
    )
    def filter(self, zones: frozenset[Zone], word: str, unreadable: bool) -> None:
        self.hold()
        self.wanted, self.word, self.unreadable_only = zones, word, unreadable
        self.model.set_filter(zones, word, unreadable_only=unreadable)
        self.rows = self.ordered()

    @rule(zones=st.sampled_from([Zones(), Zones(0.1, 0.9), Zones(0.5, 0.5)]))
    def move_zones(self, zones: Zones) -> None:
        self.hold()
        refiltered = zones != self.zones and (self.unreadable_only or self.wanted)
        self.zones = zones
        self.model.set_zones(zones)
        if refiltered:
            self.rows = self.ordered()

    @invariant()
    def shows_the_same(self) -> None:
        model = self.model
        assert [model.file_at(row).path for row in range(model.rowCount())] == self.rows
        for row, path in enumerate(self.rows):
            known, index = self.known[path], model.index(row)
            assert model.row_of(path) == row
            assert index.data(ProbabilityRole) == known.probability
            assert index.data(ReasonRole) == known.reason
            assert index.data(VerdictRole) == known.verdict
            assert index.data(ZoneRole) == self.zone(known)
        for path in self.known.keys() - set(self.rows):
            assert model.row_of(path) == -1

    @invariant()
    def counts_the_same(self) -> None:
        scores = [known.probability for known in self.known.values() if known.probability is not None]
        zones = [self.zone(known) for known in self.known.values()]
        failed = sum(bool(known.reason) for known in self.known.values())
        assert self.model.counts() == Counts(
            len(self.known),
            len(self.known) - len(scores) - failed,
            failed,
            (zones.count(Zone.NOT_SUBJECT), zones.count(Zone.UNSURE), zones.count(Zone.SUBJECT)),
        )
        assert sorted(self.model.probabilities()) == sorted(scores)

    @invariant()
    def knows_when_its_order_is_stale(self) -> None:
        if not self.model.is_order_stale():
            assert {path for path in self.known if self.passes(path)} == set(self.rows)

    @invariant()
    def persistent_indexes_follow_their_photo(self) -> None:
        for path, index in self.held:
            assert index.row() == (self.rows.index(path) if path in self.rows else -1)


def test_against_a_naive_model(qapp: object) -> None:
    run_state_machine_as_test(
        AgainstNaive,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
