"""The whole program as a user meets it: the real window on real folders, driven by mouse and keys."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from lennonnet_gui import theme
from lennonnet_gui.folder_session import Phase
from lennonnet_gui.help_mishap import MishapDialog
from lennonnet_gui.keys import KeysDialog
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.photo_model import SortKey, StateRole, ZoneRole
from lennonnet_gui.settings import Settings
from tests.program import Start, probability_of, shown_names, wait_until_scored
from training import extractors, photos
from training.backbones import BackboneUnavailable
from training.extractors import Extractor, ExtractorSpec
from training.photos import Photo, PhotoFile, UnreadablePhoto
from training.subject import Subject
from training.zones import Zone, Zones


def test_first_start_says_what_this_is_and_waits(start: Start) -> None:
    window = start()
    assert window._pages.currentWidget() is window.welcome
    assert window.session.status.phase is Phase.CLOSED


def test_a_folder_is_scored_and_the_cat_is_found(scored: MainWindow) -> None:
    assert scored.model.counts().total == 8
    assert probability_of(scored, "chelsea.jpg") > 0.65
    assert probability_of(scored, "chelsea mirrored.png") > 0.65
    assert probability_of(scored, "rocket.jpg") < 0.35
    assert scored.model.counts().by_zone == (6, 0, 2)
    assert scored._content.currentWidget() is scored.grid


def test_a_later_start_reopens_the_last_folder_from_the_cache_without_the_network(
    qtbot: QtBot, start: Start, scored: MainWindow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = probability_of(scored, "coffee.jpg")
    scored.close()

    def fail(*_args: object) -> None:
        raise AssertionError("the network was run")

    monkeypatch.setattr(extractors, "load", fail)
    window = start()
    wait_until_scored(qtbot, window)
    assert window.session.status.folder == str(folder)
    assert probability_of(window, "coffee.jpg") == before


def test_renamed_and_copied_photos_are_recognised_without_the_network(
    qtbot: QtBot, start: Start, scored: MainWindow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractors, "load", None)
    (folder / "chelsea.jpg").rename(folder / "my cat.jpg")
    scored.session.look_again()
    qtbot.waitUntil(lambda: "my cat.jpg" in shown_names(scored) and "chelsea.jpg" not in shown_names(scored))
    wait_until_scored(qtbot, scored)
    assert probability_of(scored, "my cat.jpg") > 0.65


def test_new_changed_and_removed_files_appear_by_themselves(
    qtbot: QtBot, scored: MainWindow, folder: Path, pictures: dict[str, np.ndarray]
) -> None:
    (folder / "rocket.jpg").unlink()
    Image.fromarray(pictures["chelsea"][5:, 5:]).save(folder / "new.png")
    qtbot.waitUntil(lambda: "new.png" in shown_names(scored) and "rocket.jpg" not in shown_names(scored))
    wait_until_scored(qtbot, scored)
    assert probability_of(scored, "new.png") > 0.65
    Image.fromarray(pictures["rocket"][5:, 5:]).save(folder / "new.png")
    scored.session.look_again()
    qtbot.waitUntil(lambda: scored.model.counts().by_zone[Zone.SUBJECT] == 2)
    wait_until_scored(qtbot, scored)
    assert probability_of(scored, "new.png") < 0.35


def test_bad_files_are_counted_named_and_cost_no_other_its_score(
    qtbot: QtBot, start: Start, folder: Path
) -> None:
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "cut.jpg").write_bytes((folder / "coffee.jpg").read_bytes()[:5000])
    (folder / "folder.jpg").mkdir()
    window = start(folder)
    wait_until_scored(qtbot, window)
    assert window.model.counts().total == 11 and window.model.counts().unreadable == 3
    assert sum(window.model.counts().by_zone) == 8
    assert window.status_line._unreadable.isVisible()
    qtbot.mouseClick(window.status_line._unreadable, Qt.MouseButton.LeftButton)
    assert window._unreadable_dialog is not None and window._unreadable_dialog.isVisible()
    reasons = {Path(path).name: reason for path, reason in window.model.unreadable()}
    assert reasons["empty.jpg"] == "is empty" and set(reasons) == {"empty.jpg", "text.jpg", "cut.jpg"}


def test_an_empty_folder_says_so_and_offers_a_next_step(qtbot: QtBot, start: Start, tmp_path: Path) -> None:
    window = start(tmp_path)
    wait_until_scored(qtbot, window)
    assert window._content.currentWidget() is window.message
    assert "There are no photos in" in window.message.message().title


def test_a_folder_that_is_not_there_says_so_and_comes_back(
    qtbot: QtBot, start: Start, folder: Path, tmp_path: Path
) -> None:
    away = tmp_path / "unplugged"
    folder.rename(away)
    window = start(folder)
    qtbot.waitUntil(lambda: window.session.status.phase is Phase.UNREACHABLE)
    assert "is not there" in window.message.message().title
    away.rename(folder)
    window.session.look_again()
    wait_until_scored(qtbot, window)
    assert window.model.counts().total == 8


def test_a_folder_that_goes_while_it_is_open_leaves_what_was_seen(
    qtbot: QtBot, scored: MainWindow, folder: Path, tmp_path: Path
) -> None:
    folder.rename(tmp_path / "unplugged")
    scored.session.look_again()
    qtbot.waitUntil(lambda: scored.session.status.phase is Phase.UNREACHABLE)
    assert scored.model.rowCount() == 8 and "found before" in scored.notice.words()


def test_a_folder_renamed_while_it_is_scored_spoils_no_photo(
    qtbot: QtBot, start: Start, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, real, first = tmp_path / "renamed", photos.load, threading.Lock()

    def load(path: str, **size: int) -> Photo:
        if first.acquire(blocking=False):  # once: a late thread must not take it away again
            folder.rename(away)
        return real(path, **size)

    monkeypatch.setattr(photos, "load", load)
    window = start(folder)
    qtbot.waitUntil(lambda: window.session.status.phase is Phase.UNREACHABLE)
    assert window.model.counts().unreadable == 0 and window.model.counts().waiting == 8
    assert "found before" in window.notice.words()
    away.rename(folder)
    away.mkdir()
    window.session.look_again()
    wait_until_scored(qtbot, window)
    assert sum(window.model.counts().by_zone) == 8 and window.notice.words() == ""


def test_a_folder_that_goes_while_it_is_listed_keeps_its_photos(
    qtbot: QtBot, scored: MainWindow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan(
        root: Path, *, recursive: bool, problems: list[tuple[str, str]] | None = None
    ) -> Iterator[list[PhotoFile]]:
        yield []
        if problems is not None:
            problems.append((str(root), photos.GONE))

    monkeypatch.setattr(photos, "scan", scan)
    scored.session.look_again()
    qtbot.waitUntil(lambda: scored.session.status.phase is Phase.UNREACHABLE)
    assert scored.model.rowCount() == 8


def test_a_photo_that_is_listed_but_never_there_is_tried_twice_and_named(
    qtbot: QtBot, start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = photos.load, []

    def load(path: str, **size: int) -> Photo:
        if Path(path).name == "coffee.jpg" and size.get("short_side") == 256:
            tries.append(path)
        if Path(path).name == "coffee.jpg":
            raise UnreadablePhoto(path, photos.GONE)
        return real(path, **size)

    monkeypatch.setattr(photos, "load", load)
    window = start(folder)
    wait_until_scored(qtbot, window)
    assert window.session.unreadable() == [(str(folder / "coffee.jpg"), photos.GONE)]
    assert window.model.counts().total == 8 and sum(window.model.counts().by_zone) == 7
    assert len(tries) == 2


def test_many_failures_at_once_are_told_together(qtbot: QtBot, start: Start, tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / f"{number}.jpg").touch()
    window = start()
    told: list[None] = []
    window.model.counts_changed.connect(lambda: told.append(None))
    window.open_folder(str(tmp_path))
    wait_until_scored(qtbot, window)
    assert window.model.counts().unreadable == 600
    assert len(told) < 300


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_folders_and_links_that_lead_nowhere_are_named(qtbot: QtBot, start: Start, folder: Path) -> None:
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    (folder / "loop").symlink_to(folder / "loop")
    window = start(folder)
    wait_until_scored(qtbot, window)
    assert sum(window.model.counts().by_zone) == 8
    assert window.status_line._unreadable.text() == "1 photo and 1 folder can’t be read"
    qtbot.mouseClick(window.status_line._unreadable, Qt.MouseButton.LeftButton)
    assert window._unreadable_dialog is not None
    rows = window._unreadable_dialog._model
    assert {rows.row(at)[0] for at in range(rows.rowCount())} == {
        str(folder / "gone.jpg"),
        str(folder / "loop"),
    }
    window.bar.recursive_action.trigger()
    (folder / "loop").unlink()
    (folder / "gone.jpg").unlink()
    window.session.look_again()
    qtbot.waitUntil(lambda: not window.status_line._unreadable.isVisible())


def test_an_empty_folder_with_a_folder_that_is_closed_does_not_say_that_it_was_looked_through(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs links")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    window = start(tmp_path)
    wait_until_scored(qtbot, window)
    assert "can’t be looked into" in window.message.message().text


def test_enter_opens_the_viewer_arrows_go_on_esc_returns_to_that_photo(
    qtbot: QtBot, scored: MainWindow
) -> None:
    scored.grid.setFocus()
    scored.grid.setCurrentIndex(scored.model.index(1))
    qtbot.keyClick(scored.grid, Qt.Key.Key_Return)
    assert scored._pages.currentWidget() is scored.viewer and scored.viewer.row() == 1
    qtbot.keyClick(scored.viewer.focusWidget() or scored.viewer, Qt.Key.Key_Right)
    qtbot.keyClick(scored.viewer.focusWidget() or scored.viewer, Qt.Key.Key_Right)
    assert scored.viewer.row() == 3
    qtbot.keyClick(scored.viewer.focusWidget() or scored.viewer, Qt.Key.Key_Escape)
    assert scored._pages.currentWidget() is scored._browser
    assert scored.grid.currentIndex().row() == 3 and scored.grid.hasFocus()


def test_double_click_opens_and_space_is_a_quick_look(qtbot: QtBot, scored: MainWindow) -> None:
    where = scored.grid.visualRect(scored.model.index(2)).center()
    qtbot.mouseClick(scored.grid.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.mouseDClick(scored.grid.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert scored.viewer.row() == 2
    scored.viewer.close_page()
    qtbot.keyClick(scored.grid, Qt.Key.Key_Space)
    assert scored._pages.currentWidget() is scored.viewer
    qtbot.keyClick(scored.viewer.focusWidget() or scored.viewer, Qt.Key.Key_Space)
    assert scored._pages.currentWidget() is scored._browser


def test_sort_and_filter(qtbot: QtBot, scored: MainWindow) -> None:
    scored.bar.sort_actions[list(SortKey).index(SortKey.SCORE)].trigger()
    assert {shown_names(scored)[0], shown_names(scored)[1]} == {"chelsea.jpg", "chelsea mirrored.png"}
    scored.bar.zone_actions[Zone.SUBJECT].trigger()
    qtbot.waitUntil(lambda: scored.model.rowCount() == 2)
    scored.bar.zone_actions[Zone.SUBJECT].trigger()
    qtbot.waitUntil(lambda: scored.model.rowCount() == 8)
    qtbot.keyClick(scored, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    field = QApplication.focusWidget()
    assert field is not None
    qtbot.keyClicks(field, "rock")
    qtbot.waitUntil(lambda: scored.model.rowCount() == 2)
    qtbot.keyClicks(field, " no such")
    qtbot.waitUntil(lambda: scored._content.currentWidget() is scored.message)
    assert "filter" in scored.message.message().title
    qtbot.mouseClick(scored.message._buttons[0], Qt.MouseButton.LeftButton)
    assert scored.model.rowCount() == 8 and scored._content.currentWidget() is scored.grid


def test_a_handle_moves_the_zones_and_they_are_remembered(
    qtbot: QtBot, start: Start, scored: MainWindow, folder: Path
) -> None:
    low = scored.histogram._low
    low.setFocus()
    for _ in range(6):
        qtbot.keyClick(low, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    scored.grid.setFocus()
    assert scored.model.zones().low == pytest.approx(0.05)
    sure = sum(probability < 0.05 for probability in scored.model.probabilities())
    assert scored.model.counts().by_zone[Zone.NOT_SUBJECT] == sure
    scored.close()
    again = start(folder)
    assert again.model.zones() == Zones(0.05, 0.65) == again.histogram.zones()


def test_subfolders_can_be_left_out(qtbot: QtBot, start: Start, scored: MainWindow, folder: Path) -> None:
    scored.bar.recursive_action.trigger()
    wait_until_scored(qtbot, scored)
    assert scored.model.counts().total == 6
    scored.close()
    again = start()
    wait_until_scored(qtbot, again)
    assert again.model.counts().total == 6


def test_cancel_stops_and_go_on_finishes(qtbot: QtBot, start: Start, folder: Path) -> None:
    window = start()
    window.open_folder(str(folder))
    qtbot.waitUntil(lambda: window.session.status.phase is Phase.SCORING)
    qtbot.mouseClick(window.status_line._cancel, Qt.MouseButton.LeftButton)
    assert window.session.status.phase is Phase.STOPPED
    qtbot.waitUntil(lambda: not window.jobs.busy(), timeout=30_000)
    qtbot.mouseClick(window.status_line._resume, Qt.MouseButton.LeftButton)
    wait_until_scored(qtbot, window)
    assert sum(window.model.counts().by_zone) == 8


def test_another_folder_while_scoring_leaves_nothing_of_the_first(
    qtbot: QtBot, start: Start, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (folder / "coffee.jpg").rename(other / "coffee.jpg")
    window = start()
    window.open_folder(str(folder))
    qtbot.waitUntil(lambda: window.session.status.phase is Phase.SCORING)
    window.open_folder(str(other))
    wait_until_scored(qtbot, window)
    assert shown_names(window) == ["coffee.jpg"]


def test_a_folder_dropped_on_the_window_is_opened_and_never_moved(
    qtbot: QtBot, start: Start, folder: Path
) -> None:
    window = start()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    offered = Qt.DropAction.MoveAction | Qt.DropAction.CopyAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
    enter = QDragEnterEvent(QPoint(50, 50), offered, data, buttons, keys)
    QApplication.sendEvent(window, enter)
    drop = QDropEvent(QPointF(50, 50), offered, data, buttons, keys)
    QApplication.sendEvent(window, drop)
    assert enter.isAccepted() and drop.isAccepted()
    assert drop.dropAction() is Qt.DropAction.CopyAction
    wait_until_scored(qtbot, window)
    assert window.model.counts().total == 8


def test_the_question_mark_shows_the_keys(qtbot: QtBot, scored: MainWindow) -> None:
    scored.keys_action.trigger()
    dialog = scored.findChild(KeysDialog)
    assert dialog is not None and dialog.isVisible()
    texts = [row[0] for _, rows in dialog.rows() for row in rows]
    assert {"Open folder", "Next photo", "Quick look", "Find by name"} <= set(texts)
    dialog.close()


def test_dark_is_chosen_in_the_menu_and_remembered(qtbot: QtBot, start: Start, scored: MainWindow) -> None:
    scored.scheme_actions[2].trigger()
    assert theme.is_dark() and theme.tokens() is theme.DARK
    qtbot.waitUntil(lambda: scored.palette().window().color().name() == theme.DARK.panel)
    scored.close()
    theme.choose(theme.Scheme.SYSTEM)
    start()
    assert theme.is_dark()


def test_sizes_are_remembered(qtbot: QtBot, start: Start, scored: MainWindow) -> None:
    scored.bar.larger_action.trigger()
    size = scored.grid.cell_size()
    assert size > 160
    scored.tree_action.trigger()
    scored.close()
    again = start()
    assert again.grid.cell_size() == size and not again.tree.isVisible()


def test_bins_stand_at_the_right_and_can_be_put_away(start: Start, scored: MainWindow) -> None:
    bins = scored.bins
    assert bins.isVisible() and 20 * theme.GRID <= bins.width() <= 32 * theme.GRID
    assert bins.mapTo(scored, bins.rect().topRight()).x() == scored.width() - 1
    assert bins.bin_of(Zone.SUBJECT).accessibleName() == "John: 0 photos labelled by you"
    scored.bins_action.trigger()
    scored.close()
    assert not start().bins.isVisible()


def test_a_label_counts_above_the_photos_too(qtbot: QtBot, scored: MainWindow) -> None:
    path = scored.model.file_at(scored.model.rowCount() - 1).path
    before = scored.model.counts().by_zone
    zone = scored.model.index(scored.model.row_of(path)).data(ZoneRole)
    other = Zone.SUBJECT if zone is not Zone.SUBJECT else Zone.NOT_SUBJECT
    scored.model.set_verdicts({path: other})
    assert scored.model.counts().by_zone[other] == before[other] + 1
    assert scored.histogram.zone_counts() == scored.model.counts().by_zone


def test_a_subject_that_cannot_be_read_changes_nothing(scored: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    scored.desk.use_file(str(tmp_path / "bad.safetensors"))
    assert "bad.safetensors" in scored.notice.words()
    assert scored.session.subject.name == "john"


def test_an_unforeseen_error_is_shown_and_the_program_goes_on(
    qtbot: QtBot, scored: MainWindow, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise ZeroDivisionError("a bug in a slot")
    except ZeroDivisionError as error:
        sys.excepthook(ZeroDivisionError, error, error.__traceback__)
    box = next(box for box in scored.findChildren(MishapDialog) if box.isVisible())
    assert "a bug in a slot" in box.details()
    box.close()
    assert "a bug in a slot" in (home / "log" / "lennonnet.log").read_text()
    capsys.readouterr()
    scored.session.look_again()
    wait_until_scored(qtbot, scored)


def test_screen_readers_get_the_score_in_words(scored: MainWindow) -> None:
    row = shown_names(scored).index("chelsea.jpg")
    words = scored.model.index(row).data(Qt.ItemDataRole.AccessibleTextRole)
    assert words.startswith("chelsea.jpg: ") and words.endswith("per cent, John")
    assert scored.model.index(row).data(ZoneRole) is Zone.SUBJECT
    assert scored.model.index(row).data(StateRole).name == "SCORED"


def test_recent_folders_survive_any_name(tmp_path: Path) -> None:
    settings = Settings()
    names = [str(tmp_path / name) for name in ("a\nb", "ü, \U0001f600", "\udcff")]
    for name in names:
        settings.add_recent_folder(name)
    settings.save()
    assert Settings().recent_folders() == names[::-1]


def test_a_settings_file_that_makes_no_sense_is_only_the_defaults(home: Path, start: Start) -> None:
    (home / "config").mkdir()
    (home / "config" / "lennonnet.ini").write_text(
        "[view]\ncell=banana\nsort=upside\nsubfolders=42\nscheme=pink\n[zones]\njohn=9 -1\n[window]\ngeometry=x\n"
    )
    window = start()
    assert window.grid.cell_size() == 160 and window.session.recursive
    assert window.model.zones() == Zones(0.35, 0.65)


def test_closing_does_not_wait_for_what_can_not_be_stopped(
    folder: Path, subject_file: Path, tmp_path: Path
) -> None:
    """Such as torch's import, or one huge photo: the thread here never ends, the process does."""
    program = f"""
import sys, threading
from PySide6.QtCore import QTimer
from lennonnet_gui import app
from training import torch_runtime

torch_runtime.map_libraries = threading.Event().wait
start = app.start

def start_and_close(argv):
    window = start(argv)
    window.session.status_changed.connect(lambda s: s.preparing and QTimer.singleShot(0, window, window.close))
    return window

app.start = start_and_close
sys.exit(app.main(["--subject", {str(subject_file)!r}, {str(folder)!r}]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


def smoke_test(folder: Path, subject_file: Path, report: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "lennonnet_gui", "--subject", str(subject_file)]
    command += ["--smoke-test", str(folder), "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(report.read_text())
    result: dict[str, object] = json.loads(report.read_text())
    return result


def test_smoke_test_reports_as_one_json_object(folder: Path, subject_file: Path, tmp_path: Path) -> None:
    (folder / "empty.jpg").touch()
    report = smoke_test(folder, subject_file, tmp_path / "report.json")
    assert (report["photos"], report["scored"], report["unreadable"]) == (9, 8, 1)
    assert report["zones"] == {"not_john": 6, "not_sure": 0, "john": 2}
    assert isinstance(report["seconds"], float) and isinstance(report["longest_stall_ms"], float)
    assert report["peak_memory_mib"] is None or report["peak_memory_mib"] > 100  # type: ignore[operator]


def test_smoke_test_leaves_the_users_settings_alone(
    folder: Path, subject_file: Path, tmp_path: Path, home: Path
) -> None:
    smoke_test(folder, subject_file, tmp_path / "report.json")
    assert Settings().recent_folders() == []
    assert not (home / "config" / "lennonnet.ini").exists()


def test_smoke_test_of_a_folder_that_is_not_there_fails(subject_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lennonnet_gui", "--subject", str(subject_file)]
    done = subprocess.run(
        [*command, "--smoke-test", str(tmp_path / "gone")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1 and json.loads(done.stdout)["phase"] == "unreachable"


def test_without_a_subject_the_smoke_test_ends_with_a_sentence(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lennonnet_gui", "--subject", str(tmp_path / "gone.safetensors")]
    done = subprocess.run(
        [*command, "--smoke-test", str(folder)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and "gone.safetensors" in done.stderr and "Traceback" not in done.stderr


def test_what_could_not_be_opened_is_tried_again_on_request(qtbot: QtBot, start: Start, folder: Path) -> None:
    photo = folder / "chelsea.jpg"
    whole, when = photo.read_bytes(), photo.stat()
    photo.write_bytes(bytes(len(whole)))
    os.utime(photo, ns=(when.st_atime_ns, when.st_mtime_ns))
    window = start(folder)
    wait_until_scored(qtbot, window)
    assert window.model.counts().unreadable == 1
    photo.write_bytes(whole)
    os.utime(photo, ns=(when.st_atime_ns, when.st_mtime_ns))  # to a look at the folder, nothing has changed
    window.reload_action.trigger()
    qtbot.waitUntil(lambda: window.model.counts().unreadable == 0)
    wait_until_scored(qtbot, window)
    assert probability_of(window, "chelsea.jpg") > 0.65


def test_photos_of_a_subfolder_that_is_closed_for_now_stay(
    qtbot: QtBot, scored: MainWindow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def fail_inside(path: str) -> object:
        if str(path).endswith("inner"):
            raise OSError(5, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail_inside)
    scored.session.look_again()
    qtbot.waitUntil(lambda: scored.session.status.closed_folders == 1)
    assert scored.model.counts().total == 8


def test_a_network_is_downloaded_only_after_a_yes(
    qtbot: QtBot,
    start: Start,
    folder: Path,
    subject_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject = Subject.load(subject_file)
    other = dataclasses.replace(subject, spec=dataclasses.replace(subject.spec, backbone="resnet10t"))
    other.save(tmp_path / "other.safetensors")
    asked: list[bool] = []
    load = extractors.load

    def note(spec: ExtractorSpec, _on_download: object, *, may_download: bool, network: object) -> Extractor:
        assert network is None
        asked.append(may_download)
        if may_download:
            raise BackboneUnavailable("There is no connection.")
        return load(spec, may_download=False)

    monkeypatch.setattr(extractors, "load", note)
    window = start(folder)
    wait_until_scored_or_stopped(qtbot, window)
    window.desk.use_file(str(tmp_path / "other.safetensors"))
    qtbot.waitUntil(lambda: any(box.isVisible() for box in window.findChildren(QMessageBox)), timeout=30_000)
    (box,) = [box for box in window.findChildren(QMessageBox) if box.isVisible()]
    assert "resnet10t" in box.text() and not any(asked[-1:])
    qtbot.mouseClick(box.buttons()[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "no connection" in window.notice.words(), timeout=30_000)
    assert asked[-1] is True


def wait_until_scored_or_stopped(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(
        lambda: window.session.status.phase in (Phase.DONE, Phase.STOPPED) and not window.jobs.busy(),
        timeout=60_000,
    )


def test_an_error_in_another_thread_is_shown_in_this_one(
    qtbot: QtBot, scored: MainWindow, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        try:
            raise ZeroDivisionError("a bug in a thread")
        except ZeroDivisionError as error:
            sys.excepthook(ZeroDivisionError, error, error.__traceback__)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: any(box.isVisible() for box in scored.findChildren(MishapDialog)))
    (box,) = [box for box in scored.findChildren(MishapDialog) if box.isVisible()]
    assert "a bug in a thread" in box.details() and box.thread() is scored.thread()
    box.close()
    capsys.readouterr()
