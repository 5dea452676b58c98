"""What a drag out of the grid carries, and that nobody can take the photos away by it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from lennonnet_gui import names, photo_drag
from tests.program import Start

COPY = Qt.DropAction.CopyAction
STRANGE = ["a b.jpg", "100%.jpg", "#1?.jpg", "é.jpg", "\U0001f4f7 & <b>.jpg", "~x-y_z.jpg"]
if os.name == "posix":
    STRANGE += ["new\nline.jpg", "caf\udce9.jpg"]


@pytest.mark.parametrize("name", STRANGE, ids=ascii)
def test_the_addresses_are_those_that_the_rest_of_the_program_writes(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / "some folder ü" / name)
    carried = photo_drag.pack([path])
    written = bytes(carried.data("text/uri-list").data())
    assert written == bytes(names.to_url(path).toEncoded().data()) + b"\r\n"
    assert written.isascii()
    assert [names.from_url(url) for url in carried.urls()] == [path]


def test_the_bins_and_file_managers_are_told_of_the_same_photos(tmp_path: Path) -> None:
    paths = [str(tmp_path / folder / f"{n}.jpg") for folder in ("a", "b") for n in range(3)]
    carried = photo_drag.pack(paths)
    assert carried.formats() == [photo_drag.PHOTOS_TYPE, "text/uri-list"]
    assert photo_drag.unpack(carried) == paths
    assert [names.from_url(url) for url in carried.urls()] == paths
    assert photo_drag.are_ours(carried)
    assert photo_drag.in_words(carried) == "6 photos"


def test_where_nothing_is_dragged_there_is_nothing_to_copy() -> None:
    assert not photo_drag.pack([]).hasUrls()


@pytest.mark.skipif(os.name != "posix", reason="a drive comes first elsewhere")
def test_a_photo_at_the_root_has_an_address_too() -> None:
    assert bytes(photo_drag.pack(["/a.jpg"]).data("text/uri-list").data()) == b"file:///a.jpg\r\n"


def test_the_window_takes_its_own_photos_for_no_folder_to_open(start: Start, folder: Path) -> None:
    window = start()
    carried = photo_drag.pack([str(folder / "coffee.jpg")])
    button, key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entered = QDragEnterEvent(QPoint(5, 5), COPY, carried, button, key)
    dropped = QDropEvent(QPointF(5, 5), COPY, carried, button, key)
    for event in (entered, dropped):
        event.ignore()
        QApplication.sendEvent(window, event)
        assert not event.isAccepted()
    assert not window.session.status.folder
