"""Whether anything that was said to be kept is lost when the program is killed, at moments that nobody chose.

    python -m benchmarks.kills [--times 50] [--only labels|training] [--seed N]

Labels: a process labels made-up photos as fast as it can, in gestures of 1 to 30, with and without look-alikes, and
takes some back; it says of each gesture when it begins and when it is kept. It is killed, and everything that it said
to be kept must be there, with the gesture under way either there as a whole or not at all.

Training: `python -m training fit ... --deep --events --resume` trains on a tiny made-up collection, a small picture
size making epochs short. It is killed, mostly within three seconds of its first batch and every fifth time anywhere
since its start, and the next one must go on from the last epoch that was said to be kept, or a later one.

Ends with status 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training import checkpoints, finetune
from training.finetune import Batch, Checkpoint, Epoch, Finished, Preparing, Stopped
from training.photos import PhotoFile
from training.verdicts import Entry, FaceOf, FaceSaid, FaceVerdict, Ledger, Said, Verdict

_PHOTOS = 2000  # that are labelled again and again, each with a face in it
_BOX = (0.25, 0.25, 0.5, 0.75)
_SAID = (
    Said(Verdict.SUBJECT),
    Said(Verdict.NOT_SUBJECT),
    Said(Verdict.NOT_SUBJECT, "george"),
    Said(Verdict.NOT_SUBJECT, "paul"),
    None,
)
_WITHIN_S = 0.5  # of its first gesture
_FIT = (
    "--deep",
    "--events",
    "--resume",
    "--size",
    "64",
    "--epochs",
    "200",
    "--patience",
    "200",
    "--batch",
    "8",
)
_TRAINED_S = 3.0  # since the first batch
_ANYWHERE = 5  # one in so many is killed at any moment since its start


def main() -> int:
    """Print what was seen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--only", choices=("labels", "training"))
    parser.add_argument("--seed", type=int, default=None, help="of the moments and gestures (default: none)")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        _label_away(options.child, random.Random(options.seed))
    chance = random.Random(options.seed)
    lost: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        for name, kill in (("labels", _kill_labels), ("training", _kill_training)):
            if options.only in (None, name):
                lost += kill(Path(place), options.times, chance)
    for words in lost:
        print(f"LOST: {words}")
    return 1 if lost else 0


# -- labels


@dataclass(frozen=True)
class _Gesture:
    """What is about to be done, as one line of JSON: what: label, undo or redo; said: a number in _SAID."""

    what: str
    photos: tuple[int, ...] = ()
    said: int = 0

    @classmethod
    def from_json(cls, line: str) -> _Gesture:
        fields: dict[str, Any] = json.loads(line)
        return cls(fields["what"], tuple(fields["photos"]), fields["said"])


@dataclass
class _Book:
    """What the ledger must hold: each labelling gesture by its number, those that are taken back, in that order."""

    made: dict[int, _Gesture] = field(default_factory=dict)
    undone: list[int] = field(default_factory=list)

    def with_one_more(self, gesture: _Gesture, number: int) -> _Book:
        """This, after a gesture; number: a new label's, else that of the one that was taken back or brought back."""
        if gesture.what == "label":
            return _Book({**self.made, number: gesture}, self.undone)
        others = [one for one in self.undone if one != number]
        return replace(self, undone=[*others, number] if gesture.what == "undo" else others)

    def latest(self) -> int:
        """The number of the latest gesture that stands."""
        return max(set(self.made) - set(self.undone))

    def holds(self) -> dict[str, Said]:
        """What holds of each labelled photo, by path."""
        said: dict[str, Said] = {}
        undone = set(self.undone)
        for number in sorted(self.made):
            one = self.made[number]
            if number in undone:
                continue
            for photo in one.photos:
                verdict = _SAID[one.said]
                if verdict is None:
                    said.pop(_photo(photo)[0].path, None)
                else:
                    said[_photo(photo)[0].path] = verdict
        return said


def _photo(number: int) -> tuple[PhotoFile, bytes | None]:
    """A made-up photo; of half of them nobody has read the bytes."""
    file = PhotoFile(f"/photos/IMG_{number:06}.jpg", 1000 + number, 10**18 + number)
    return file, None if number % 2 else number.to_bytes(16, "big")


def _label_away(file: Path, chance: random.Random) -> None:
    """Make gestures until killed."""
    with Ledger(file) as ledger:
        made = taken_back = 0
        while True:
            what = "redo" if taken_back and chance.random() < 0.5 else "label"
            if what == "label" and made and chance.random() < 0.15:
                what = "undo"
            photos = tuple(chance.sample(range(_PHOTOS), chance.randint(1, 30))) if what == "label" else ()
            said = chance.randrange(len(_SAID))
            print(json.dumps({"what": what, "photos": photos, "said": said}), flush=True)
            entry = _done(ledger, _Gesture(what, photos, said))
            assert entry is not None
            made, taken_back = made + (what == "label") - (what == "undo"), what == "undo"
            print(entry.id, flush=True)


def _done(ledger: Ledger, gesture: _Gesture) -> Entry | None:
    if gesture.what == "undo":
        return ledger.undo("john")
    if gesture.what == "redo":
        return ledger.redo("john")
    said = _SAID[gesture.said]
    verdict, group = (None, "") if said is None else (said.verdict, said.group)
    items = [_photo(one) for one in gesture.photos]
    faces = [FaceOf(*item, _BOX) for item in items]
    face_verdict = None if verdict is None else FaceVerdict(verdict)
    return ledger.label(items, "john", verdict, "drag", group, faces=faces, face_verdict=face_verdict)


def _kill_labels(place: Path, times: int, chance: random.Random) -> list[str]:
    """Kill a process that labels, again and again; what was lost, in sentences."""
    file = place / "library.sqlite3"
    book, lost, kept, halfway, whole, gone = _Book(), [], 0, 0, 0, 0
    for turn in range(1, times + 1):
        words = [sys.executable, "-m", "benchmarks.kills", "--child", str(file)]
        child = _Child([*words, "--seed", str(chance.randrange(1 << 30))])
        begun: _Gesture | None = None
        for line in child.lines():
            if line.startswith("{"):
                begun = _Gesture.from_json(line)
                child.kill_in(chance.uniform(0, _WITHIN_S))
            elif begun is not None:
                book, begun, kept = book.with_one_more(begun, int(line)), None, kept + 1
        if not child.was_killed:
            lost.append(f"turn {turn}: the process that labels ended by itself: {child.complaint()}")
            break
        with Ledger(file) as ledger:
            if ledger.notice:
                lost.append(f"turn {turn}: {ledger.notice}")
            if begun is not None:  # said to begin, and then killed
                halfway += 1
                more = _with_what_was_begun(ledger, book, begun)
                whole, gone = whole + (more is not book), gone + (more is book)
                book = more
            lost += [f"turn {turn}: {words}" for words in _differences(ledger, book)]
    photos = sum(len(one.photos) for one in book.made.values())
    print(
        f"labels: killed {times} times; {kept:,} gestures said to be kept ({len(book.made):,} labels on {photos:,}"
        f" photos, the others taken or brought back), all there: {'no' if lost else 'yes'}"
    )
    print(f"  {halfway} times within a gesture: {whole} of these were kept as a whole, {gone} not at all")
    return lost


def _with_what_was_begun(ledger: Ledger, book: _Book, begun: _Gesture) -> _Book:
    """The book with the gesture that was under way, if the ledger has it."""
    found = {entry.id: entry for entry in ledger.history("john", most=5 + len(book.made))}
    if begun.what == "label":
        new = [number for number in found if number not in book.made]
        return book.with_one_more(begun, new[0]) if len(new) == 1 else book
    number = book.latest() if begun.what == "undo" else book.undone[-1]
    if found[number].undone == (begun.what == "undo"):
        return book.with_one_more(begun, number)
    return book


def _differences(ledger: Ledger, book: _Book) -> list[str]:
    found = {entry.id: entry for entry in ledger.history("john", most=5 + len(book.made))}
    wrong = [f"gesture {number} is not there" for number in book.made if number not in found]
    wrong += [f"gesture {number} was never made" for number in found if number not in book.made]
    undone = set(book.undone)
    for number, gesture in book.made.items():
        entry, said = found.get(number), _SAID[gesture.said]
        if entry is None:
            continue
        told = None if entry.verdict is None else Said(entry.verdict, entry.group)
        if (told, entry.undone) != (said, number in undone):
            wrong.append(f"gesture {number} says {told}, not {said}, or does not stand as it should")
        if entry.count != len(gesture.photos) or {file for file, _ in ledger.photos_of(entry)} != {
            _photo(one)[0] for one in gesture.photos
        }:
            wrong.append(f"gesture {number} has other photos")
    if {file.path: said for file, _, said in ledger.photos("john")} != book.holds():
        wrong.append("the photos' labels are not those that were given")
    faces = {
        _photo(int.from_bytes(photo, "big"))[0]: some for photo, some in ledger.faces_said("john").items()
    }
    held = {file.path: some for file, some in (faces | ledger.faces_unhashed("john")).items()}
    if held != {
        path: [(_BOX, FaceSaid(FaceVerdict(one.verdict), one.group))] for path, one in book.holds().items()
    }:
        wrong.append("the faces' labels are not those that were given")
    return wrong


# -- training


def _kill_training(place: Path, times: int, chance: random.Random) -> list[str]:
    """Kill a training again and again, each going on from the one before; what was lost, in sentences."""
    _make_photos(place / "pets")
    lost: list[str] = []
    run, last, epochs, runs, more, torn, early = place / "run", 0, 0, 1, 0, 0, 0
    words = ["fit", str(place / "pets"), "--subject", "mila", "--out", str(place / "mila.safetensors")]
    start = time.monotonic()
    for turn in range(1, times + 1):
        child = _Child([sys.executable, "-m", "training", *words, *_FIT, "--run", str(run)])
        if turn % _ANYWHERE == 0:
            child.kill_in(chance.uniform(0, 10))
        told, trained, done, first = [], 0, False, 0
        for line in child.lines():
            event = finetune.from_json(line)
            if isinstance(event, Epoch):
                told.append(event.number)
            elif isinstance(event, Preparing) and "begins anew" in event.words and last:
                lost.append(f"turn {turn}: after epoch {last}, the trainer said: {event.words}")
            elif isinstance(event, Checkpoint) and event.words:
                lost.append(f"turn {turn}: {event.words}")
            elif isinstance(event, Checkpoint):
                trained += event.epoch > last
                last = max(last, event.epoch)
            elif isinstance(event, Batch):
                if event.epoch <= last:
                    lost.append(f"turn {turn}: epoch {last} was kept, and {event.epoch} is trained again")
                    last = event.epoch - 1
                first = first or event.epoch
                child.kill_in(chance.uniform(0, _TRAINED_S))
            elif isinstance(event, Finished):
                done = True
            elif isinstance(event, Stopped):
                lost.append(f"turn {turn}: {event.words}")
        if told != list(range(1, len(told) + 1)):
            lost.append(f"turn {turn}: the epochs told of are {told}")
        if not child.was_killed and not done:
            lost.append(f"turn {turn}: the trainer ended by itself: {child.complaint()}")
            break
        epochs, early = epochs + trained, early + (not first)
        torn += _written_since(run / f".{checkpoints.NAME}.part", child.started)
        if done:
            last, runs = 0, runs + 1
            shutil.rmtree(run, ignore_errors=True)
            continue
        left = finetune.unfinished(run)
        found = 0 if left is None else left.epoch
        if found < last:
            lost.append(f"turn {turn}: epoch {last} was said to be kept, and {found} is")
        more += found > last  # kept, and killed before it could say so
        last = found
    print(
        f"training: killed {times} times in {(time.monotonic() - start) / 60:.1f} min; {epochs} epochs said to be kept,"
        f" in {runs} training{'s' if runs > 1 else ''}, all kept: {'no' if lost else 'yes'}"
    )
    print(
        f"  {early} times before the first batch, {torn} times while a checkpoint was written, {more} times when one"
        " was kept and not told of yet"
    )
    return lost


def _written_since(file: Path, moment: float) -> bool:
    """Whether a file is there and no older; moment: in seconds since 1970."""
    try:
        return file.stat().st_mtime >= moment
    except OSError:
        return False


def _make_photos(folder: Path) -> None:
    """Thirty photos of rectangles, in reddish shades for the subject and bluish ones for others, no two alike."""
    for number in range(30):
        side, tint = (("mila", (190, 80, 70)), ("not_mila", (60, 80, 190)))[number % 2]
        rng = np.random.default_rng(number)
        pixels = np.full((60, 80, 3), tint, float)
        for _ in range(14):
            y, x = rng.integers(0, 50), rng.integers(0, 70)
            pixels[y : y + rng.integers(4, 30), x : x + rng.integers(4, 30)] += rng.normal(0, 60)
        path = folder / side / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


# -- what is killed


class _Child:
    """A process with a home of its own, whose lines are read until it is killed, once, or ends."""

    def __init__(self, words: list[str]) -> None:
        self._home = tempfile.TemporaryDirectory()
        self.started = time.time()
        self._process = subprocess.Popen(
            words,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "LENNONNET_HOME": self._home.name},
            stdin=subprocess.PIPE,  # kept open: at its end the trainer would stop by itself
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._timer: threading.Timer | None = None
        self._said: list[str] = []
        self.was_killed = False

    def kill_in(self, seconds: float) -> None:
        """Kill it after so many seconds; the first call counts."""
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._kill)
            self._timer.start()

    def _kill(self) -> None:
        self._process.kill()  # SIGKILL: nothing that it could do about it

    def lines(self) -> Iterator[str]:
        """What it prints, line by line, to its end; a line that was cut off by the kill is left out."""
        assert self._process.stdout is not None and self._process.stderr is not None
        listener = threading.Thread(target=self._listen)
        listener.start()
        yield from (line for line in self._process.stdout if line.endswith("\n"))
        status = self._process.wait()
        listener.join()
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        self.was_killed = status == -signal.SIGKILL
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        self._home.cleanup()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        self._said = self._process.stderr.read().splitlines()

    def complaint(self) -> str:
        """The last of what it said on stderr."""
        return self._said[-1] if self._said else "without a word"


if __name__ == "__main__":
    sys.exit(main())
