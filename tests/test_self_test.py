"""The self-test: it holds where all is well, and whatever is broken is named."""

from __future__ import annotations

import importlib.util
import io
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QImage, QImageReader
from PySide6.QtWidgets import QApplication

import lennonnet_gui.__main__ as entry
import training
from lennonnet_gui import self_test, self_test_window, theme, training_run
from tests import draw_samples
from training import faces, paths, photos, sorting_run, subject
from training import self_test as engine
from training.cache import FeatureCache
from training.photos import Photo, UnreadablePhoto
from training.trial import Check, Trial, checks
from training.verdicts import Ledger

ROOT = Path(__file__).parent.parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals are others there")


def tried(trial: Trial, folder: Path) -> Check:
    (check,) = checks([("it", trial)], folder)
    return check


def refused(trial: Trial, folder: Path) -> str:
    """What a trial says that has to fail."""
    check = tried(trial, folder)
    assert not check.ok, check.words
    return check.words


# -- the whole of it


def test_all_of_it_holds_in_a_process_of_its_own(tmp_path: Path) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    report = tmp_path / "report.txt"
    environment = {**os.environ, "TMPDIR": str(place), "LENNONNET_HOME": str(tmp_path / "mine")}
    command = [sys.executable, "-m", "lennonnet_gui", "--self-test", "--report", str(report)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == report.read_text("utf-8")
    *lines, last = done.stdout.splitlines()
    names = [re.fullmatch(r"ok   (\w+) +\d+\.\d\d s  .+", line) for line in lines]
    expected = [name for name, _ in self_test.all_trials()]
    assert [name[1] if name else "" for name in names] == [*expected, "untouched"]
    assert re.fullmatch(rf"All {len(lines)} checks hold, in \d+\.\d s\.", last)
    assert list(place.iterdir()) == []
    assert not (tmp_path / "mine").exists()


BROKEN = """
import sys
import lennonnet_gui.self_test as self_test
from lennonnet_gui import training_run
from training import paths, photos

here, load = paths.resource, photos.load

def resource(name):
    return here("icons/none.svg" if name == "icons/search.svg" else name)

def lies(path, **wanted):
    photo = load(path, **wanted)
    photo.pixels.flags.writeable = False
    return type(photo)(photo.pixels[:, ::-1], photo.width, photo.height, photo.taken, photo.camera, photo.format,
                       photo.digest)

paths.resource, photos.load = resource, lies
training_run.trainer_command = lambda: [sys.executable, "-c", "import sys; sys.exit('no trainer today')"]
self_test.work(sys.argv[1:])
"""


def test_what_is_broken_is_named_and_the_others_are_tried(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = io.StringIO()
    names = ("resources", "icons", "letters", "photos", "subject", "quick")
    status = self_test.run(names, report, worker=[sys.executable, "-c", BROKEN])
    told = report.getvalue()
    assert status == 1 and told == capsys.readouterr().out
    lines = {line.split()[1]: line for line in told.splitlines()[:-1]}
    assert [name for name in names if lines[name].startswith("ok ")] == ["letters", "subject"]
    assert "icons/search.svg" in lines["resources"]
    assert "drawn empty: search" in lines["icons"]
    assert "turned.heic shows" in lines["photos"] and "sensor.dng" in lines["photos"]
    assert "no trainer today" in lines["quick"]
    assert told.splitlines()[-1].startswith("NOT all holds: resources, icons, photos, quick (4 of 6), in ")


# -- from outside: whatever becomes of the process that does it


def worker(body: str) -> list[str]:
    """A worker whose trials are the functions of `body`, in order."""
    code = f"""
import os, signal, sys, time
from pathlib import Path
from lennonnet_gui import self_test
{body}
self_test.work(sys.argv[1:], lambda: [(n, f) for n, f in list(globals().items()) if n in NAMES])
"""
    names = re.findall(r"^def (\w+)", body, re.MULTILINE)
    return [sys.executable, "-c", code.replace("NAMES", repr(names))]


def outcome(body: str, *names: str, limit_s: float = 60) -> tuple[int, list[str]]:
    report = io.StringIO()
    status = self_test.run(names, report, worker=worker(body), limit_s=limit_s)
    return status, [
        re.sub(r" +\d+\.\d\d s", "", line)
        for line in report.getvalue().splitlines()
        if " untouched" not in line
    ]


FINE = 'def {0}(folder):\n    assert folder.is_dir() and not list(folder.iterdir())\n    return "{0} holds"\n'


def test_trials_that_hold(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = outcome(FINE.format("one") + FINE.format("two"))
    assert status == 0
    assert lines[:2] == ["ok   one  one holds", "ok   two  two holds"]
    assert re.fullmatch(r"All 3 checks hold, in .* s\.", lines[2])
    assert capsys.readouterr().out.count("\n") == 4


def test_each_line_is_told_as_soon_as_it_is_known(tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    body = f"""
def two(folder):
    until = time.monotonic() + 20
    while "one holds" not in Path({str(file)!r}).read_text():
        assert time.monotonic() < until, "nothing was told"
        time.sleep(0.01)
    return "was told"
"""
    with file.open("w") as report:
        assert self_test.run((), report, worker=worker(FINE.format("one") + body)) == 0


def test_only_what_is_named_is_tried() -> None:
    status, lines = outcome(FINE.format("one") + FINE.format("two"), "two")
    assert status == 0 and lines[0] == "ok   two  two holds" and len(lines) == 2
    assert outcome(FINE.format("one"), "three")[0] == 1


@POSIX
def test_a_crash_is_the_failure_of_one_trial_alone() -> None:
    body = FINE.format("one")
    body += 'def two(folder):\n    print("the last words", flush=True)\n    os.kill(os.getpid(), signal.SIGSEGV)\n'
    body += 'def three(folder):\n    print("some", "thing", file=sys.stderr)\n    os._exit(7)\n'
    body += 'def four(folder):\n    raise ValueError("on\\npurpose")\n' + FINE.format("five")
    status, lines = outcome(body)
    assert status == 1
    assert lines[0] == "ok   one  one holds" and lines[4] == "ok   five  five holds"
    assert re.match(r"NOT  two  crashed \(SIGSEGV\): the last words: File .* in two", lines[1])
    assert lines[2] == "NOT  three  ended the program (status 7): some thing"
    assert re.fullmatch(r"NOT  four  ValueError: on purpose \(<string>, line \d+\)", lines[3])
    assert lines[5].startswith("NOT all holds: two, three, four (3 of 6), in ")


@POSIX
def test_what_does_not_come_to_its_end_is_ended_with_its_helpers(tmp_path: Path) -> None:
    told = tmp_path / "helper"
    body = f"""
def one(folder):
    import subprocess
    helper = subprocess.Popen(["sleep", "600"])
    Path({str(told)!r}).write_text(str(helper.pid))
    helper.wait()
"""
    status, lines = outcome(body + FINE.format("two"), limit_s=2)
    assert status == 1
    assert re.match(r"NOT  one  was not done within 2 s: .*File ", lines[0])
    assert lines[1] == "ok   two  two holds"
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", told.read_text()], capture_output=True, text=True
    ).stdout
    assert state.strip()[:1] in ("", "Z")  # gone, or dead and not buried


def test_where_nothing_can_begin_that_is_said() -> None:
    body = 'raise ImportError("libEGL.so.1: cannot open shared object file")\n'
    status, lines = outcome(body)
    assert status == 1
    assert lines[0] == (
        "NOT  start  ended the program (status 1): ImportError: libEGL.so.1: cannot open shared object file"
    )
    report = io.StringIO()
    code = "import sys; from lennonnet_gui import self_test; self_test.work(sys.argv[1:], lambda: 1 / 0)"
    assert self_test.run((), report, worker=[sys.executable, "-c", code]) == 1
    assert "ZeroDivisionError: division by zero" in report.getvalue()


def test_what_is_written_where_nothing_belongs_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "installed"
    for name in ("lennonnet_gui", "resources", "training"):
        (root / name / "__pycache__").mkdir(parents=True)
    monkeypatch.setattr(training, "__file__", str(root / "training" / "__init__.py"))
    (root / "resources" / "there.json").write_text("as it was")

    def last(body: str) -> str:
        report = io.StringIO()
        assert self_test.run((), report, worker=worker(body)) == int("NOT" in report.getvalue())
        return next(line for line in report.getvalue().splitlines() if " untouched" in line)

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert last(FINE.format("one")).startswith("ok ")
    for name, write in {
        "cache.sqlite3": f'Path({str(root / "training" / "cache.sqlite3")!r}).touch(); return ""',
        "there.json": f'Path({str(root / "resources" / "there.json")!r}).write_text("other"); return ""',
        "lightning_logs, in the current folder": 'Path("lightning_logs").mkdir(); return ""',
    }.items():
        line = last(f"def one(folder):\n    {write}\n")
        assert line.startswith("NOT") and name in line
    kept = f'Path({str(root / "training" / "__pycache__" / "x.pyc")!r}).touch(); return ""'
    assert last(f"def one(folder):\n    {kept}\n").startswith("ok ")


def test_the_users_own_folders_must_not_come_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test._Install, "_places", staticmethod(lambda: [str(tmp_path / "lennonnet")]))
    install = self_test._Install()
    assert install.changed() == []
    (tmp_path / "lennonnet").mkdir()
    assert install.changed() == [str(tmp_path / "lennonnet")]
    assert self_test._Install().changed() == []


def test_without_a_terminal_the_report_has_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    report = io.StringIO()
    assert self_test.run((), report, worker=worker(FINE.format("one"))) == 0
    assert "one holds" in report.getvalue()


def test_letters_that_the_terminal_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    body = 'def one(folder):\n    return "“ü”"\n'
    assert self_test.run((), worker=worker(body)) == 0
    terminal.flush()
    assert b"\\u201c\\xfc\\u201d" in written.getvalue()


BETWEEN = """
import json, sys
events, _, done = sys.argv[1:]
name = "two" if done else "one"
with open(events, "a") as file:
    for event in {"begins": name}, {"name": name, "words": done, "ok": True, "seconds": 0.5}, {"done": True}:
        if "done" not in event or name == "two":
            print(json.dumps(event), file=file)
sys.exit(0 if name == "two" else 9)
"""


def test_a_crash_between_two_trials_is_a_failure_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert self_test.run((), worker=[sys.executable, "-c", BETWEEN]) == 1
    lines = [re.sub(r" +\d+\.\d\d s", "", line) for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [
        "ok   one  ",
        "NOT  start  ended the program (status 9)",
        "ok   two  one,start",
    ]


def test_a_report_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert self_test.main(["--self-test", "--report", str(tmp_path / "gone" / "report.txt")]) == 1
    assert "can’t be written" in capsys.readouterr().err


def test_the_worker_has_a_home_of_its_own_with_a_space_and_an_umlaut(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    told = '" | ".join([os.environ.get("QT_QPA_PLATFORM", ""), os.environ["LENNONNET_HOME"]])'
    body = f"def one(folder):\n    return {told}\n"
    _, lines = outcome(body)
    screen, home = lines[0].removeprefix("ok   one  ").split(" | ")
    assert screen == ("offscreen" if sys.platform == "linux" else "")
    assert " " in home and "ü" in home
    assert not Path(home).parent.exists()


def test_the_entry_and_the_self_test_mean_the_same_arguments() -> None:
    assert (entry.SELF_TEST, entry.SELF_TEST_WORKER) == (self_test.SELF_TEST, self_test.WORKER)


def test_the_one_that_looks_on_needs_neither_qt_nor_torch() -> None:
    code = "import sys, lennonnet_gui.self_test; print([m for m in ('PySide6', 'torch', 'numpy') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


# -- what is shipped


def test_all_icons_and_samples_are_known_by_name() -> None:
    icons = {path.stem for path in (ROOT / "resources" / "icons").glob("*.svg")}
    assert set(self_test_window.ICONS) == icons
    shipped = {path.name for path in draw_samples.FOLDER.iterdir()}
    known = {sample.name for sample in engine.SAMPLES} | {engine.FACE, engine.FEATURES}
    assert known == shipped == {*draw_samples.samples(), engine.FEATURES}
    forms = {sample.form for sample in engine.SAMPLES}
    assert forms == {"JPEG", "PNG", "WebP", "HEIC", "AVIF", "TIFF", "GIF", "BMP", "DNG"}


def test_samples_are_small_and_as_they_were_drawn() -> None:
    assert sum(path.stat().st_size for path in draw_samples.FOLDER.iterdir()) < 100_000
    drawn = draw_samples.samples()
    for name in ("plain.bmp", "sensor.dng"):  # how others look in bytes depends on who writes them
        assert drawn[name] == (draw_samples.FOLDER / name).read_bytes(), name


def test_the_network_sees_in_the_face_what_it_saw() -> None:
    kept = np.frombuffer((draw_samples.FOLDER / engine.FEATURES).read_bytes(), "<f2").astype(np.float32)
    found = draw_samples.features_of(draw_samples.FOLDER).astype(np.float32)
    assert float(kept @ found) / float(np.linalg.norm(kept) * np.linalg.norm(found)) > 0.995


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The resources, in a place where they can be broken."""
    copy = tmp_path / "resources"
    shutil.copytree(ROOT / "resources", copy)
    monkeypatch.setattr(paths, "resource", lambda name: copy / name)
    theme._svg.cache_clear()
    return copy


@pytest.fixture(autouse=True)
def no_old_icons() -> Iterator[None]:
    yield
    theme._svg.cache_clear()


@pytest.mark.parametrize(
    "name", ["icons/x.svg", "samples/turned.avif", "samples/face.features", "subjects/john.safetensors"]
)
def test_a_missing_or_empty_file(shipped: Path, tmp_path: Path, name: str) -> None:
    assert tried(self_test_window.resources, tmp_path / "1").ok
    (shipped / name).write_bytes(b"")
    assert refused(self_test_window.resources, tmp_path / "2") == f"missing: {name}"
    (shipped / name).unlink()
    assert refused(self_test_window.resources, tmp_path / "3") == f"missing: {name}"


def test_icons_that_are_drawn_empty(shipped: Path, tmp_path: Path, qapp: QApplication) -> None:
    assert tried(self_test_window.icons, tmp_path / "1").ok
    theme._svg.cache_clear()
    nothing = '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"></svg>'
    for name in ("eye", "lennonnet"):
        (shipped / "icons" / f"{name}.svg").write_text(nothing)
    words = refused(self_test_window.icons, tmp_path / "2")
    assert words == "drawn empty: eye, lennonnet, lennonnet, by the plugin for SVG icons"


def test_a_font_without_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> None:
    assert tried(self_test_window.letters, tmp_path / "1").ok
    drawn = self_test_window._drawn
    box = drawn("A", QApplication.font())
    monkeypatch.setattr(self_test_window, "_drawn", lambda letter, font: box)
    assert "A and g" in refused(self_test_window.letters, tmp_path / "2")
    none = QImage(8, 8, QImage.Format.Format_ARGB32)
    none.fill(0)
    monkeypatch.setattr(
        self_test_window, "_drawn", lambda letter, font: none if letter == "…" else drawn(letter, font)
    )
    assert refused(self_test_window.letters, tmp_path / "3").startswith("nothing is drawn for … in ")


def test_qt_without_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> None:
    assert tried(self_test_window.pictures, tmp_path / "1").ok
    reader = QImageReader.supportedImageFormats()

    class Without:
        @staticmethod
        def supportedImageFormats() -> list[Any]:
            return [one for one in reader if bytes(one.data()) != b"svg"]

    monkeypatch.setattr(self_test_window, "QImageReader", Without)
    assert refused(self_test_window.pictures, tmp_path / "2").startswith("Qt can’t read svg; it knows ")


def test_a_screen_whose_plugin_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication
) -> None:
    assert tried(self_test_window.screen, tmp_path / "1").ok
    monkeypatch.setitem(self_test_window._SCREENS, sys.platform, ("moon",))
    assert "no plugin for the screen “moon”" in refused(self_test_window.screen, tmp_path / "2")


# -- photos


def load_as(monkeypatch: pytest.MonkeyPatch, changed: Callable[[Photo], Photo]) -> None:
    load = photos.load
    monkeypatch.setattr(photos, "load", lambda path, **wanted: changed(load(path, **wanted)))


def test_every_format_is_read(tmp_path: Path) -> None:
    check = tried(engine.open_photos, tmp_path)
    assert check.ok, check.words
    assert check.words.startswith("JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP, DNG are read")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda photo: replace(photo, pixels=photo.pixels[:, ::-1]), "shows"),
        (lambda photo: replace(photo, pixels=photo.pixels[::-1]), "shows"),
        (lambda photo: replace(photo, pixels=photo.pixels[..., ::-1]), "shows"),
        (lambda photo: replace(photo, pixels=photo.pixels * 0 + 127), "shows"),
        (lambda photo: replace(photo, format="PNG"), "is TIFF, not PNG"),
        (lambda photo: replace(photo, width=photo.height, height=photo.width), "is 64 × 48, not 48 × 64"),
    ],
    ids=["mirrored", "upside down", "other colours", "grey", "another format", "another size"],
)
def test_a_decoder_that_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Photo], Photo], words: str
) -> None:
    load_as(monkeypatch, lambda photo: change(photo) if photo.format == "TIFF" else photo)
    said = refused(engine.open_photos, tmp_path)
    assert f"deflate.tif {words}" in said and f"turned-lzw.tif {words}" in said
    assert "heic" not in said and "jpg" not in said


def test_a_photo_that_is_not_turned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "_TURNS", {})
    said = refused(engine.open_photos, tmp_path)
    for name in ("turned.jpg", "turned-transparent.png", "turned.webp", "turned.avif"):
        assert f"{name} " in said, name
    assert "deflate.tif" not in said


def test_a_profile_that_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "_to_srgb", lambda profile, mode: None)
    assert refused(engine.open_photos, tmp_path).startswith("display-p3.jpg shows")


def test_a_format_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = photos.load

    def loads(path: str | Path, **wanted: Any) -> Photo:
        if str(path).endswith("avif"):
            raise UnreadablePhoto(str(path), "is damaged, or of a kind that Lennonnet doesn't know")
        return load(path, **wanted)

    monkeypatch.setattr(photos, "load", loads)
    assert refused(engine.open_photos, tmp_path).startswith("turned.avif is damaged")


def test_a_cut_photo_that_is_taken_for_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = photos.load
    whole = load(engine.sample("turned.jpg"))
    monkeypatch.setattr(
        photos, "load", lambda path, **wanted: whole if Path(path).name == "cut.jpg" else load(path, **wanted)
    )
    assert refused(engine.open_photos, tmp_path) == "cut.jpg, which is no picture, was opened"


# -- scores and faces


def test_scores_and_faces_hold(tmp_path: Path) -> None:
    for trial in (engine.score, engine.find_faces, engine.label):
        check = tried(trial, tmp_path / trial.__name__)
        assert check.ok, check.words


def test_a_network_with_other_weights(shipped: Path, tmp_path: Path) -> None:
    features = np.frombuffer((shipped / "samples" / engine.FEATURES).read_bytes(), "<f2").copy()
    np.random.default_rng(1).shuffle(features)
    (shipped / "samples" / engine.FEATURES).write_bytes(features.tobytes())
    assert "sees something else" in refused(engine.score, tmp_path / "it")


def test_a_cache_that_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeatureCache, "store", lambda self, rows, name: None)
    assert refused(engine.score, tmp_path) == "photos that were scored a moment ago were not known again"


def test_a_face_that_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        faces.FaceFinder, "_look_over", lambda *arguments: (np.zeros((0, 4), "f4"), np.zeros(0, "f4"))
    )
    assert refused(engine.find_faces, tmp_path) == "in the photos of 1, 1 and no face, 0, 0, 0 were found"


def test_a_describer_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        faces.FaceFinder, "describe", lambda self, chips, **_: np.zeros((len(chips), 128), np.float32)
    )
    assert "not known again" in refused(engine.find_faces, tmp_path)


# -- what is kept


def test_a_label_that_stays_after_undo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "undo", lambda self, subject: None)
    assert refused(engine.label, tmp_path) == "a label that was taken back still holds"


def test_a_subject_that_changes_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(engine.subject_files, tmp_path / "1").ok
    monkeypatch.setattr(subject, "_digest", lambda tensors: "")
    monkeypatch.setattr(subject, "_faces_digest", lambda tables, about: "")
    assert refused(engine.subject_files, tmp_path / "2")


@pytest.mark.skipif(os.name == "nt", reason="hard links need a drive that has them")
def test_a_sorting_that_is_not_brought_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(engine.sort, tmp_path / "1").ok

    def undo(run: int, journal: Any) -> sorting_run.Events:
        yield sorting_run.Finished(run, sorting_run.Counts(moved=6), "All is well.")

    monkeypatch.setattr(sorting_run, "undo", undo)
    words = refused(engine.sort, tmp_path / "2")
    assert words == "after photos were moved, not all could be brought back as it was"


# -- helpers and trainers


@POSIX
def test_a_helper_that_does_not_start(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    assert tried(engine.helper, tmp_path / "1").ok
    multiprocessing.set_executable("/bin/false")
    try:
        words = refused(engine.helper, tmp_path / "2")
    finally:
        multiprocessing.set_executable(sys.executable)
    assert words == "a helper process ended without an answer (status 1)"
    assert context.get_start_method() == "spawn"


def trainer(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(training_run, "trainer_command", lambda: [sys.executable, "-S", "-E", "-c", code])


def say(kind: str, **fields: Any) -> str:
    return f"print({json.dumps({'kind': kind, **fields})!r}, flush=True)\n"


FINISHED = say("finished", file="", challenger=None, champion=None, better=True, sentence="")


def test_a_trainer_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> None:
    trainer(monkeypatch, "import sys; sys.exit('no module named torch')")
    words = refused(self_test_window.train_quick, tmp_path / "1")
    assert words.startswith("The trainer stopped without finishing: no module named torch")
    monkeypatch.setenv("LENNONNET_HOME", str(tmp_path / "home 2"))
    trainer(monkeypatch, "import os; os.abort()")
    assert refused(self_test_window.train_quick, tmp_path / "2").startswith("The trainer crashed.")
    monkeypatch.setenv("LENNONNET_HOME", str(tmp_path / "home 3"))
    monkeypatch.setattr(training_run, "trainer_command", lambda: [str(tmp_path / "gone")])
    for number, trial in enumerate((self_test_window.train_quick, self_test_window.train_deep), 3):
        assert refused(trial, tmp_path / str(number)).startswith("The trainer can’t be started.")


def test_a_trainer_that_says_it_is_done_and_has_made_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication
) -> None:
    trainer(monkeypatch, FINISHED)
    assert refused(self_test_window.train_quick, tmp_path / "1") == "no new version of the subject was kept"
    assert "left nothing to go on from" in refused(self_test_window.train_deep, tmp_path / "2")


def test_a_trainer_that_stops_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication
) -> None:
    stopped = say("stopped", words="Stopped.", can_resume=True)
    trainer(monkeypatch, say("checkpoint", epoch=1) + "import sys; sys.stdin.readline()\n" + stopped)
    words = refused(self_test_window.train_deep, tmp_path)
    assert words == "a training that was stopped after its first epoch left nothing to go on from"


# -- the window


def test_a_window_that_can_not_read_a_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication
) -> None:
    load = photos.load

    def loads(path: str | Path, **wanted: Any) -> Photo:
        if str(path).endswith("heic"):
            raise UnreadablePhoto(str(path), "is damaged")
        return load(path, **wanted)

    monkeypatch.setattr(photos, "load", loads)
    words = refused(self_test_window.window, tmp_path)
    assert words == "of 10 photos, 1 of them cut off, 10 were found, 8 scored and 2 found unreadable"


def test_a_page_that_fails_or_does_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication
) -> None:
    from lennonnet_gui.teaching_parts import TeachingParts

    def fails(self: TeachingParts) -> None:
        raise ImportError("No module named 'pyqtgraph'")

    monkeypatch.setattr(TeachingParts, "open_training", fails)
    words = refused(self_test_window.window, tmp_path / "1")
    assert words == "an error that nobody foresaw: ImportError: No module named 'pyqtgraph'"
    monkeypatch.setattr(TeachingParts, "open_queue", lambda self: None)
    assert refused(self_test_window.window, tmp_path / "2") == "“the least sure” did not open"


def test_a_module_or_a_library_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(self_test_window.modules, tmp_path / "1").ok
    found = importlib.util.find_spec

    def without(missing: str) -> Callable[..., Any]:
        return lambda name, package=None: None if name == missing else found(name, package)

    monkeypatch.delitem(sys.modules, "send2trash", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", without("send2trash"))
    assert refused(self_test_window.modules, tmp_path / "2") == "missing: send2trash"
    monkeypatch.setattr(importlib.util, "find_spec", without("training.teach"))
    assert refused(self_test_window.modules, tmp_path / "3") == "the module training.teach is missing"


def test_a_part_without_a_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training import licences

    assert tried(engine.licence_texts, tmp_path / "1").ok
    known = licences.load()
    silent = replace(known[0], texts=())
    monkeypatch.setattr(licences, "load", lambda: (silent, *known[1:]))
    assert refused(engine.licence_texts, tmp_path / "2") == f"no licence for {silent.name}"
    monkeypatch.setattr(licences, "load", lambda: [one for one in known if one.name.casefold() != "torch"])
    assert refused(engine.licence_texts, tmp_path / "3") == "no licence for torch"


def test_colours_are_seen_only_where_they_are() -> None:
    picture = np.asarray(draw_samples.quarters())
    whole = np.full((200, 200, 4), 240, np.uint8)
    whole[20:68, 30:94, :3] = picture[..., ::-1]

    def seen(pixels: np.ndarray) -> bool:
        kept = np.ascontiguousarray(pixels)
        return self_test_window._shows_quarters(QImage(kept.data, 200, 200, 800, QImage.Format.Format_RGB32))

    assert seen(whole)
    assert not seen(whole[::-1]) and not seen(whole[:, ::-1]) and not seen(whole * 0 + 127)
    assert not self_test_window._shows_quarters(QImage())
