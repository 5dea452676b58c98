"""Thumbnails: on screen first, decoded once, found again on disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from lennonnet_gui import thumbnails as module
from lennonnet_gui.thumbnails import Thumbnails
from training import photos
from training.photos import Photo, PhotoFile


@pytest.fixture
def thumbnails(qtbot: QtBot) -> Iterator[Thumbnails]:
    made = Thumbnails()
    yield made
    made.stop()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of photos that were decoded."""
    paths: list[str] = []
    load = photos.load

    def count(path: str, *, short_side: int = 256) -> Photo:
        paths.append(path)
        return load(path, short_side=short_side)

    monkeypatch.setattr(photos, "load", count)
    return paths


def file_of(path: Path) -> PhotoFile:
    info = path.stat()
    return PhotoFile(str(path), info.st_size, info.st_mtime_ns)


def fetch(qtbot: QtBot, thumbnails: Thumbnails, file: PhotoFile, edge: int = 200) -> None:
    with qtbot.waitSignal(thumbnails.arrived, check_params_cb=lambda path: path == file.path):
        thumbnails.want([file])
        thumbnails.pixmap(file, edge)


def test_a_thumbnail_comes_fitted_and_is_then_there_at_once(
    qtbot: QtBot, thumbnails: Thumbnails, folder: Path, opened: list[str]
) -> None:
    file = file_of(folder / "chelsea.jpg")
    assert thumbnails.pixmap(file, 200) is None
    qtbot.waitUntil(lambda: thumbnails.pixmap(file, 200) is not None)
    pixmap = thumbnails.pixmap(file, 200)
    assert pixmap is not None and (pixmap.width(), pixmap.height()) == (256, 170)  # 451 x 300
    assert opened == [file.path]


def test_colours_are_the_photos(qtbot: QtBot, thumbnails: Thumbnails, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (200, 100, 50)).save(tmp_path / "plain.png")
    file = file_of(tmp_path / "plain.png")
    fetch(qtbot, thumbnails, file)
    colour = thumbnails.pixmap(file, 200).toImage().pixelColor(20, 20)  # type: ignore[union-attr]
    assert (colour.red(), colour.green(), colour.blue()) == (200, 100, 50)


def test_after_a_restart_it_comes_from_disk_as_the_standard_says(
    qtbot: QtBot, thumbnails: Thumbnails, folder: Path, opened: list[str], home: Path
) -> None:
    file = file_of(folder / "chelsea.jpg")
    fetch(qtbot, thumbnails, file)
    (stored,) = (home / "cache" / "thumbnails" / "large").iterdir()
    assert stored.stat().st_mode & 0o777 == 0o600 or os.name == "nt"
    image = Image.open(stored)
    image.load()
    assert image.info["Thumb::URI"] == Path(file.path).as_uri()
    assert image.info["Thumb::MTime"] == str(file.mtime_ns // 10**9)
    assert image.size == (256, 170)
    again = Thumbnails()
    fetch(qtbot, again, file)
    assert len(opened) == 1
    again.stop()


def test_a_changed_photo_gets_a_new_thumbnail(
    qtbot: QtBot, thumbnails: Thumbnails, folder: Path, opened: list[str]
) -> None:
    path = folder / "chelsea.jpg"
    fetch(qtbot, thumbnails, file_of(path))
    Image.new("RGB", (100, 300)).save(path)
    os.utime(path, (10**9, 10**9))
    fetch(qtbot, thumbnails, file_of(path))
    assert len(opened) == 2
    assert thumbnails.pixmap(file_of(path), 200).height() == 256  # type: ignore[union-attr]


def test_larger_cells_get_larger_thumbnails_and_show_the_small_one_meanwhile(
    qtbot: QtBot, thumbnails: Thumbnails, folder: Path
) -> None:
    file = file_of(folder / "astronaut.jpg")
    fetch(qtbot, thumbnails, file, 100)
    small = thumbnails.pixmap(file, 500)
    assert small is not None and small.width() == 256
    qtbot.waitUntil(lambda: thumbnails.pixmap(file, 500).width() == 512)  # type: ignore[union-attr]


def test_what_another_decodes_is_left_to_it(
    qtbot: QtBot, thumbnails: Thumbnails, folder: Path, opened: list[str]
) -> None:
    file = file_of(folder / "chelsea.jpg")
    thumbnails.take_from({file.path})
    thumbnails.want([file])
    assert thumbnails.pixmap(file, 200) is None
    photo = photos.load(file.path)
    with qtbot.waitSignal(thumbnails.arrived):
        thumbnails.offer(file, photo)
    assert thumbnails.pixmap(file, 200) is not None
    assert opened == [file.path]  # by this test


def test_what_has_scrolled_away_is_not_decoded(
    qtbot: QtBot, thumbnails: Thumbnails, folder: Path, opened: list[str]
) -> None:
    thumbnails._pool.setMaxThreadCount(0)  # as if all threads were busy
    files = [file_of(path) for path in sorted(folder.glob("*.jpg"))]
    for file in files:
        thumbnails.pixmap(file, 200)
    thumbnails.want(files[-1:])
    with qtbot.waitSignal(thumbnails.arrived):
        thumbnails._pool.setMaxThreadCount(2)
    thumbnails.stop()
    assert opened == [files[-1].path]


def test_the_last_asked_comes_first() -> None:
    requests = module._Requests()
    files = [PhotoFile(f"/{n}.jpg", 1, 1) for n in range(module._MOST_WAITING + 10)]
    assert all(requests.push(file, 256) for file in files)
    assert not requests.push(files[20], 256)  # asked for again: now the first
    taken = [entry[0] for entry in iter(requests.take, None)]
    assert taken[:2] == [files[20], files[-1]]
    assert len(taken) == module._MOST_WAITING and files[0] not in taken


def test_a_photo_that_cannot_be_opened_is_asked_for_once(
    qtbot: QtBot, thumbnails: Thumbnails, tmp_path: Path, opened: list[str]
) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    file = file_of(tmp_path / "bad.jpg")
    thumbnails.want([file])
    thumbnails.pixmap(file, 200)
    qtbot.waitUntil(lambda: file.path in thumbnails._kept)
    assert thumbnails.pixmap(file, 200) is None
    assert opened == [file.path]


def test_memory_is_bounded_and_the_longest_unused_goes(
    qtbot: QtBot, thumbnails: Thumbnails, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MEMORY", 3 * 256 * 256 * 4)
    files = [file_of(path) for path in sorted(folder.rglob("*.*"))]
    for file in files:
        fetch(qtbot, thumbnails, file)
    assert thumbnails._bytes <= module._MEMORY
    assert thumbnails.known(files[0]) is None and thumbnails.known(files[-1]) is not None


def test_names_that_are_not_text(qtbot: QtBot, thumbnails: Thumbnails, tmp_path: Path) -> None:
    path = tmp_path / "\udcff\n.png"
    try:
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(path, "PNG")
    except OSError:
        pytest.skip("this file system wants names to be text")
    fetch(qtbot, thumbnails, file_of(path))


def test_a_full_disk_costs_no_thumbnail_and_says_nothing_for_each(
    qtbot: QtBot,
    thumbnails: Thumbnails,
    folder: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fill(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fill)
    file = file_of(folder / "chelsea.jpg")
    fetch(qtbot, thumbnails, file)
    assert thumbnails.pixmap(file, 200) is not None
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert capfd.readouterr().err == ""


def test_pixels_too_few_for_a_large_cell_are_shown_and_better_ones_fetched(
    qtbot: QtBot, thumbnails: Thumbnails, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((1500, 2000, 3), np.uint8)).save(tmp_path / "large.jpg")
    file = file_of(tmp_path / "large.jpg")
    thumbnails.take_from({file.path})
    thumbnails.want([file])
    assert thumbnails.pixmap(file, 608) is None
    with qtbot.waitSignal(thumbnails.arrived):
        thumbnails.offer(file, photos.load(file.path, short_side=256))
    thumbnails.take_from(())
    small = thumbnails.pixmap(file, 608)
    assert small is not None and small.width() < 608
    qtbot.waitUntil(lambda: thumbnails.pixmap(file, 608).width() > 608)  # type: ignore[union-attr]


def test_addresses_are_escaped_as_other_programs_do() -> None:
    if os.name == "posix":
        assert (
            module._uri("/a b/IMG (1), 50%+[x]#é.jpg")
            == "file:///a%20b/IMG%20(1),%2050%25+%5Bx%5D%23%C3%A9.jpg"
        )
