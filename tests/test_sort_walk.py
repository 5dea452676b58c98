"""Sorting out in the whole program: photos go, labels follow them, and all comes back."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from lennonnet_gui.main_window import MainWindow
from tests.program import Start, row_of, shown_names, wait_until_learned, wait_until_scored
from training.verdicts import Ledger, Verdict
from training.zones import Zone


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def label(qtbot: QtBot, window: MainWindow, name: str, zone: Zone) -> None:
    file = window.model.file_at(row_of(window, name))
    with qtbot.waitSignal(window.teaching.gesture_kept):
        window.teaching.label([file], zone, "key")
    wait_until_learned(qtbot, window)


def test_photos_go_where_they_belong_with_their_labels_and_come_back(
    qtbot: QtBot, start: Start, folder: Path
) -> None:
    before = files(folder)
    window = start(folder)
    wait_until_scored(qtbot, window)
    label(qtbot, window, "rocket.jpg", Zone.SUBJECT)
    label(qtbot, window, "coffee.jpg", Zone.NOT_SUBJECT)
    assert window.sorting._made is False  # nothing of it is loaded before it is wanted

    window.sorting.sort_action.trigger()
    dialog = window.sorting.sorting.dialog
    dialog.choose.plan_button.click()
    qtbot.waitUntil(dialog.plan.start.isEnabled)
    assert files(folder) == before
    with qtbot.waitSignal(dialog.run.ended):
        dialog.plan.start.click()
    after = files(folder)
    assert sorted(after.values()) == sorted(before.values())
    assert "john/rocket.jpg" in after and "not_john/coffee.jpg" in after
    qtbot.waitUntil(
        lambda: window.model.file_at(row_of(window, "rocket.jpg")).path.endswith("john/rocket.jpg")
    )
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    said = window.teaching.said_of(window.model.file_at(row_of(window, "rocket.jpg")))
    assert said is not None and said.verdict is Verdict.SUBJECT
    with Ledger() as ledger:
        places = {Path(file.path).as_posix() for file, _, _ in ledger.photos(window.teaching.subject_id)}
    assert str((folder / "john" / "rocket.jpg").as_posix()) in places

    with qtbot.waitSignal(dialog.run.ended):
        dialog.after._undo.click()
    assert files(folder) == before
    qtbot.waitUntil(lambda: "rocket.jpg" in shown_names(window))
    dialog.close()


def test_without_a_folder_there_is_nothing_to_sort(qtbot: QtBot, start: Start) -> None:
    window = start()
    window.sorting.sort_action.trigger()
    assert "Open a folder first" in window.notice.words() and not window.sorting._made
