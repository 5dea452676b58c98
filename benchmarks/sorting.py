"""How fast photos are sorted, and whether any is lost when the program is killed meanwhile.

    python -m benchmarks.sorting [--photos 100000] [--moves 20000] [--kills 0] [--place DIR] [--far DIR] [--seed N]

Plans --photos photos in 50 folders, a tenth of them with sidecars, to be moved and to be tagged; moves --moves of them
into two folders, and back; tags a quarter as many, and takes that back; copies 300 files of 3 MB in three ways, beside
`cp` and `cp` with `sync`, and moves them to --far, another drive. The best of three counts. With --kills, nothing but
that: a process sorts, resumes or brings back, in one of six folders, and is killed at moments that nobody chose, so
many times. After each, every file's content must be there, and once the rest is settled, exactly once where it was
moved or thrown away, and at its old place where it was copied, linked or tagged, each sidecar being what it was or what
it gets; in the end, all is brought back, and each path must hold what it held at first. Ends with status 1 if anything
was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from training import photos, sorting
from training.sorting import TRASH, Action, Item, Plan, Rules
from training.sorting_journal import Journal, JournalError
from training.sorting_run import Events, Failed, Finished, resume, run, settle, undo

_FOLDERS = 50
_COPIES, _COPY_BYTES = 300, 3_000_000
_PHOTOS_TO_KILL = 60


def main() -> int:
    """Print what was seen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--moves", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument(
        "--place", type=Path, default=None, help="where (default: the system's temporary folder)"
    )
    parser.add_argument(
        "--far", type=Path, default=None, help="a folder on another drive (default: /dev/shm)"
    )
    parser.add_argument("--seed", type=int, default=None, help="of the moments and plans (default: none)")
    options = parser.parse_args()
    far = options.far or Path("/dev/shm")
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.place)))
        os.environ["LENNONNET_HOME"] = str(place / "home")
        os.environ["HOME"] = os.environ["XDG_DATA_HOME"] = str(place / "home")  # whose trash is on this drive
        other = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=far))) if far.is_dir() else None
        if options.kills:
            return _kill(place, other, options.kills, random.Random(options.seed))
        _plan_many(place / "plan", options.photos)
        _move_many(place / "move", options.moves)
        _tag_many(place / "tag", options.moves // 4)
        _copy_some(place / "copy", other)
    return 0


# -- how fast


def _plan_many(place: Path, number: int) -> None:
    _make(place / "in", number, 20)
    items = _items(place / "in", hashed=False)
    took, tagged = [], []
    for _ in range(3):
        start = time.perf_counter()
        plan = sorting.plan(items, Rules(Action.MOVE, "john", str(place / "out"), "{subject}/{year}"))
        took.append(time.perf_counter() - start)
        start = time.perf_counter()
        tags = sorting.plan(items, Rules(Action.TAG, "john", "", to_not_subject=None))
        tagged.append(time.perf_counter() - start)
    start = time.perf_counter()
    words = " ".join(plan.summary)
    summary = time.perf_counter() - start
    start = time.perf_counter()
    size = len(plan.to_json())
    wrote = time.perf_counter() - start
    print(
        f"plan: {number:,} photos in {min(took):.2f} s; its summary in {summary:.2f} s,"
        f" as JSON ({size >> 20} MB) in {wrote:.2f} s"
    )
    print(f"  {words}")
    print(f"plan of tags: {number:,} photos in {min(tagged):.2f} s")
    print(f"  {' '.join(tags.summary)}")
    shutil.rmtree(place)


def _move_many(place: Path, number: int) -> None:
    _make(place / "in", number, 2000)
    plan = sorting.plan(_items(place / "in"), Rules(Action.MOVE, "john", str(place / "out")))
    there, back = [], []
    for _ in range(3):
        with Journal() as journal:
            there.append(_timed(run(plan, journal)))
            back.append(_timed(undo(journal.runs()[0].id, journal)))
    files = number + number // 10
    print(
        f"move: {number:,} photos and {number // 10:,} sidecars in {min(there):.2f} s"
        f" ({files / min(there):,.0f} files/s), back in {min(back):.2f} s ({files / min(back):,.0f} files/s)"
    )
    shutil.rmtree(place)


def _tag_many(place: Path, number: int) -> None:
    _make(place / "in", number, 2000)
    rules = Rules(Action.TAG, "john", "", "People/{subject}", "not {subject}")
    plan = sorting.plan(_items(place / "in"), rules)
    there, back = [], []
    for _ in range(3):
        with Journal() as journal:
            there.append(_timed(run(plan, journal)))
            back.append(_timed(undo(journal.runs()[0].id, journal)))
    print(
        f"tag: {number:,} photos in {min(there):.2f} s ({number / min(there):,.0f} photos/s), back in"
        f" {min(back):.2f} s ({number / min(back):,.0f} photos/s)"
    )
    shutil.rmtree(place)


def _copy_some(place: Path, far: Path | None) -> None:
    chance = random.Random(1)
    (place / "in").mkdir(parents=True)
    for number in range(_COPIES):
        (place / "in" / f"IMG_{number}.jpg").write_bytes(chance.randbytes(_COPY_BYTES))
    os.sync()
    items = _items(place / "in")

    def sort(action: Action, out: Path, *, verify: bool = True) -> Callable[[], None]:
        rules = Rules(action, "john", str(out), "{subject}", "{subject}", "{subject}", verify=verify)

        def go() -> None:
            with Journal() as journal:
                _timed(run(sorting.plan(items, rules), journal))

        return go

    def cp(sync: bool) -> Callable[[], None]:
        def go() -> None:
            subprocess.run(["cp", "-rp", str(place / "in"), str(place / "out")], check=True)
            if sync:
                subprocess.run(["sync", "-f", str(place / "out")], check=True)

        return go

    ways: list[tuple[str, Callable[[], None]]] = [
        ("cp", cp(False)),
        ("cp, and sync", cp(True)),
        ("copied", sort(Action.COPY, place / "out", verify=False)),
        ("copied and verified", sort(Action.COPY, place / "out")),
    ]
    times: dict[str, float] = {}
    for name, way in ways:
        took = []
        for _ in range(3):
            shutil.rmtree(place / "out", ignore_errors=True)
            os.sync()
            start = time.perf_counter()
            way()
            took.append(time.perf_counter() - start)
        times[name] = min(took)
    cp_time, synced = times["cp"], times["cp, and sync"]
    for name, took_s in times.items():
        rate = _COPIES * _COPY_BYTES / took_s / 1e6
        print(
            f"{name}: {took_s:.2f} s, {rate:,.0f} MB/s, {took_s / cp_time:.2f} × cp,"
            f" {took_s / synced:.2f} × cp and sync"
        )
    if far is not None:
        start = time.perf_counter()
        sort(Action.MOVE, far / "out")()
        print(f"moved to another drive: {time.perf_counter() - start:.2f} s")
    shutil.rmtree(place)


def _make(folder: Path, number: int, size: int) -> None:
    """Small files in 50 folders; every tenth has a sidecar, and each name is there in two folders."""
    for i in range(_FOLDERS):
        (folder / str(i)).mkdir(parents=True)
    for i in range(number):
        path = folder / str(i % _FOLDERS) / f"IMG_{i // 2}.jpg"
        path.write_bytes(b"%020d" % i + bytes(size - 20))
        if i % 10 == 0:
            path.with_suffix(".xmp").write_bytes(_sidecar(b"%d" % i))


def _sidecar(words: bytes) -> bytes:
    """What another program wrote."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><!-- %s --><dc:subject><rdf:Bag>'
        b"<rdf:li>Paul</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>\n" % words
    )


def _items(folder: Path, *, hashed: bool = True) -> list[Item]:
    chance = random.Random(0)
    return [
        Item(
            file,
            photos.digest(file.path) if hashed else chance.randbytes(16),
            chance.choice((0.02, 0.1, 0.9, 0.99)),
            taken=f"{chance.randint(2001, 2020)}-07-01T12:00:00",
        )
        for batch in photos.scan(folder)
        for file in batch
    ]


def _timed(events: Events) -> float:
    start = time.perf_counter()
    last = None
    for event in events:
        assert not isinstance(event, Failed), event
        last = event
    assert isinstance(last, Finished), last
    return time.perf_counter() - start


# -- whether anything is lost


@dataclass
class _World:
    """Some photos, where they are sorted to, and the journal of that."""

    name: str
    place: Path
    out: Path
    action: Action
    trash: Path | None = None  # where the others go
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)  # a whole run
    took: float = 0.05  # seconds of a whole run

    def make(self, chance: random.Random) -> None:
        for i in range(_PHOTOS_TO_KILL):
            folder = self.place / "in" / chance.choice("abc")
            folder.mkdir(parents=True, exist_ok=True)
            size = chance.choice((100, 5000, 300_000, 5_000_000 if i % 20 == 0 else 100))
            names = [f"IMG_{chance.randint(1, 40)}{chance.choice(('.jpg', '.JPG', '.cr2', '.heic'))}"]
            names += [f"{names[0]}.xmp"] * (chance.random() < 0.3)
            for name in names:
                if not (folder / name).exists():
                    tagged = self.action is Action.TAG and name.endswith(".xmp") and chance.random() < 0.8
                    content = chance.randbytes(size)
                    (folder / name).write_bytes(_sidecar(content[:40].hex().encode()) if tagged else content)
        self.before = self.tree()

    def tree(self) -> dict[str, bytes]:
        """What each path holds, by hash."""
        return {
            str(path): b"empty" if not path.stat().st_size else photos.digest(path)
            for root in {self.place / "in", self.out, *([] if self.trash is None else [self.trash])}
            for path in root.rglob("*")
            if path.is_file()
        }

    def journal(self) -> Journal:
        return Journal(self.place / "journal.sqlite3")

    def plan(self, seed: int) -> Plan:
        chance = random.Random(seed)
        items = [
            Item(file, photos.digest(file.path), chance.random())
            for batch in photos.scan(self.place / "in")
            for file in batch
        ]
        if self.action is Action.TAG:
            items = [replace(item, probability=0.9) for item in items]
            return sorting.plan(items, Rules(Action.TAG, "john", "", "People/{subject}", None))
        others = "not_{subject}" if self.trash is None else TRASH
        return sorting.plan(items, Rules(self.action, "john", str(self.out), to_not_subject=others))

    def do(self, what: str, seed: int) -> None:
        with self.journal() as journal:
            if what == "run":
                _drain(run(self.plan(seed), journal))
            elif what == "resume":
                _drain(resume(journal))
            else:
                runs = [one.id for one in journal.runs() if one.can_undo]
                for id in runs if what == "undo all" else runs[:1]:
                    _drain(undo(id, journal))

    def complaints(self, *, settled: bool) -> list[str]:
        now = self.tree()
        if self.action is Action.TAG:
            return [
                f"{path} is neither what it was nor what it gets"
                for path in self.before.keys() | self.after.keys() | now.keys()
                if now.get(path) not in (self.before.get(path), self.after.get(path))
                and (settled or not path.endswith(".part"))
            ]
        had, has = Counter(self.before.values()), Counter(now.values())
        if self.action is not Action.MOVE:
            lost = [path for path, content in self.before.items() if now.get(path) != content]
            strange = set(has) - set(had) if settled else set()
            return [f"{path} is not what it was" for path in lost] + [f"{len(strange)} strange files"] * bool(
                strange
            )
        wrong = [f"{len(list((had - has).elements()))} files lost"] * bool(had - has)
        if settled:
            wrong += [f"{len(list((has - had).elements()))} files too many"] * bool(has - had)
        return wrong


def _own_trash(place: Path) -> Path:
    """Where photos of this drive go that are thrown away; not by way of the desktop, which has a trash of its own."""
    import send2trash
    from send2trash import plat_other

    send2trash.send2trash = plat_other.send2trash
    (place / "home").mkdir(exist_ok=True)
    return place / "home" / "Trash" / "files"


def _drain(events: Events) -> None:
    for _ in events:
        pass


def _kill(place: Path, far: Path | None, times: int, chance: random.Random) -> int:
    worlds = [
        _World("moved", place / "moved", place / "moved" / "out", Action.MOVE),
        _World("copied", place / "copied", place / "copied" / "out", Action.COPY),
        _World("linked", place / "linked", place / "linked" / "out", Action.LINK),
        _World("tagged", place / "tagged", place / "tagged" / "out", Action.TAG),
        _World("thrown away", place / "trash", place / "trash" / "out", Action.MOVE, _own_trash(place)),
    ]
    if far is not None and far.stat().st_dev != place.stat().st_dev:
        worlds.append(_World("moved to another drive", place / "far", far / "out", Action.MOVE))
    for world in worlds:
        world.make(chance)
        start = time.perf_counter()
        world.do("run", 0)
        world.took = time.perf_counter() - start
        world.after = world.tree()
        world.do("undo all", 0)
    killed: Counter[str] = Counter()
    settled, lost, begun = 0, list[str](), time.monotonic()
    while killed.total() < times and not lost:
        world = chance.choice(worlds)
        what = chance.choice(("run", "resume", "undo"))
        if not _killed(world, what, chance):
            continue
        killed[world.name] += 1
        lost += [f"{world.name}, {what}: {words}" for words in world.complaints(settled=False)]
        with world.journal() as journal:
            settled += len(journal.open_runs()) > 0
            _drain(settle(journal))
        lost += [f"{world.name}, {what}, settled: {words}" for words in world.complaints(settled=True)]
    for world in worlds:
        world.do("resume", 0)
        world.do("undo all", 0)
        if world.tree() != world.before:
            lost.append(f"{world.name}: not all is back where it was")
    counts = ", ".join(f"{number} while photos were {name}" for name, number in killed.items())
    print(f"killed {killed.total()} times in {(time.monotonic() - begun) / 60:.1f} min ({counts})")
    files = sum(len(world.before) for world in worlds)
    print(f"  {settled} times in the midst of a photo; files lost of {files}: {len(lost)}")
    for words in lost:
        print(f"LOST: {words}")
    return 1 if lost else 0


def _killed(world: _World, what: str, chance: random.Random) -> bool:
    """Do something in a process of its own and kill that; False if it was done before."""
    seed = chance.randrange(1 << 30)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            world.do(what, seed)
            status = 0
        except JournalError as error:
            print(error, file=sys.stderr)
        finally:
            os._exit(status)
    time.sleep(chance.uniform(0, world.took))
    os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status != 0


if __name__ == "__main__":
    sys.exit(main())
