"""The feature cache: remembers by content, and never stands in the way."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from training.cache import Facts, FeatureCache
from training.faces import FACE
from training.photos import PhotoFile

ROOT = Path(__file__).parent.parent


def a_file(name: str = "a.jpg", size: int = 10, mtime_ns: int = 5) -> PhotoFile:
    return PhotoFile(f"/photos/{name}", size, mtime_ns)


def facts(number: int) -> Facts:
    return Facts(number.to_bytes(16, "big"), 40, 30, "2020-01-02T03:04:05", "Camera")


def vector(number: int) -> np.ndarray:
    return np.full(8, number, np.float32)


def stored(cache: FeatureCache, *numbers: int) -> list[bytes]:
    cache.store([(a_file(f"{n}.jpg", n, n), facts(n), vector(n)) for n in numbers], "net")
    return [facts(n).digest for n in numbers]


def faces_of(number: int, count: int = 2) -> bytes:
    """A photo's faces, of bytes that are met nowhere else."""
    return np.random.default_rng(number).bytes(count * FACE.itemsize)


def with_faces(cache: FeatureCache, *numbers: int, extractor: str = "quick", count: int = 2) -> list[bytes]:
    cache.store_faces([(a_file(f"{n}.jpg", n, n), facts(n), faces_of(n, count)) for n in numbers], extractor)
    return [facts(n).digest for n in numbers]


def bytes_on_disk(file: Path) -> bytes:
    """All that lies in the cache's folder."""
    return b"".join(path.read_bytes() for path in sorted(file.parent.iterdir()))


def test_what_was_stored_is_found_again_after_reopening() -> None:
    with FeatureCache() as cache:
        digests = stored(cache, 1, 2, 3)
    with FeatureCache() as cache:
        found, vectors = cache.vectors([*digests, bytes(16)], "net")
        assert sorted(found) == sorted(digests)
        assert [row[0] for row in vectors] == [digest[-1] for digest in found]
        assert cache.facts_of([a_file("2.jpg", 2, 2)]) == {"/photos/2.jpg": facts(2)}
        assert cache.facts_of_digests(digests[:1]) == {digests[0]: facts(1)}
        assert cache.notice == ""


@pytest.mark.parametrize("change", [{"size": 3}, {"mtime_ns": 3}])
def test_a_changed_file_is_not_known(change: dict[str, int]) -> None:
    with FeatureCache() as cache:
        stored(cache, 2)
        assert cache.facts_of([a_file("2.jpg", **{"size": 2, "mtime_ns": 2} | change)]) == {}


def test_another_extractors_features_are_not_found() -> None:
    with FeatureCache() as cache:
        digests = stored(cache, 1)
        found, vectors = cache.vectors(digests, "other net")
        assert found == [] and vectors.shape[0] == 0


def test_names_that_are_not_text_are_remembered() -> None:
    file = a_file("\udcff\n\U0001f600.jpg")
    with FeatureCache() as cache:
        cache.store([(file, facts(1), vector(1))], "net")
        assert cache.facts_of([file]) == {file.path: facts(1)}


def test_more_photos_than_a_query_takes_are_found() -> None:
    with FeatureCache() as cache:
        digests = stored(cache, *range(1, 1502))
        assert len(cache.vectors(digests, "net")[0]) == 1501
        assert cache.sizes_among(range(5000)) == set(range(1, 1502))


def test_the_longest_unused_go_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    with FeatureCache() as cache:
        cache.store([(a_file(f"{n}.jpg"), facts(n), np.zeros(1000)) for n in range(1, 1501)], "net")
    later = time.time() + 200_000
    monkeypatch.setattr(time, "time", lambda: later)
    with FeatureCache(bound=2 << 20) as cache:
        assert cache.size() > 2 << 20
        stored(cache, 2001)
    with FeatureCache() as cache:
        kept = cache.vectors([facts(n).digest for n in range(1, 1501)], "net")[0]
        assert 0 < len(kept) < 1000
        assert len(cache.vectors([facts(2001).digest], "net")[0]) == 1
        assert cache.size() < 2 << 20
        known = cache.facts_of([a_file(f"{n}.jpg") for n in range(1, 1501)])
        assert {entry.digest for entry in known.values()} == set(kept)  # nothing is kept of the others


def test_using_features_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with FeatureCache() as cache:
        stored(cache, 1)
    with FeatureCache() as cache:
        later = time.time() + 200_000
        monkeypatch.setattr(time, "time", lambda: later)
        cache.vectors([facts(1).digest], "net")
        used = cache._all("SELECT used FROM feature WHERE extractor IN", [1])
        assert used == [(int(time.time()),)]


@pytest.mark.parametrize("content", [b"this is no database" * 100, b""])
def test_a_damaged_file_is_set_aside(home: Path, content: bytes) -> None:
    file = home / "cache" / "features.sqlite3"
    file.parent.mkdir()
    file.write_bytes(content)
    with FeatureCache() as cache:
        assert len(cache.vectors(stored(cache, 1), "net")[0]) == 1
        assert ("set aside" in cache.notice) == bool(content)
    asides = list(file.parent.glob("*.unusable"))
    assert [aside.read_bytes() for aside in asides] == ([content] if content else [])


def test_a_newer_versions_file_is_set_aside_whole(home: Path) -> None:
    with FeatureCache() as cache:
        stored(cache, 1)
    file = home / "cache" / "features.sqlite3"
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with FeatureCache() as cache:
        assert "set aside" in cache.notice
        assert cache.facts_of([a_file("1.jpg", 1, 1)]) == {}
    (aside,) = file.parent.glob("*.unusable")
    db = sqlite3.connect(aside)
    assert db.execute("SELECT count(*) FROM feature").fetchone() == (1,)
    db.close()


def test_a_file_damaged_in_the_middle_costs_no_result(home: Path) -> None:
    with FeatureCache() as cache:
        stored(cache, *range(1, 2000))
    file = home / "cache" / "features.sqlite3"
    content = bytearray(file.read_bytes())
    content[len(content) // 4 : -len(content) // 4] = bytes(len(content) // 2)
    file.write_bytes(content)
    with FeatureCache() as cache:
        cache.vectors([facts(n).digest for n in range(1, 2000)], "net")
        cache.facts_of([a_file(f"{n}.jpg", n, n) for n in range(1, 2000)])
        stored(cache, 5000)
        assert cache.notice
        cache.close()
        cache.close()


def test_where_nothing_can_be_written_it_says_so_and_goes_on(home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    with FeatureCache() as cache:
        assert stored(cache, 1) and cache.vectors([facts(1).digest], "net")[0] == []
        assert "can't be remembered" in cache.notice and "[Errno" not in cache.notice


def test_a_full_disk_is_told_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    with FeatureCache() as cache:
        stored(cache, 1)
        assert cache._db is not None
        cache._db.execute("PRAGMA max_page_count = 1")  # SQLite then answers as on a full disk
        stored(cache, *range(100, 3000))
        assert "full" in cache.notice
        assert len(cache.vectors([facts(1).digest], "net")[0]) == 1


def test_two_windows_write_at_once() -> None:
    with FeatureCache() as one, FeatureCache() as other:
        stored(one, 1)
        stored(other, 2)
        stored(one, 3)
        assert len(other.vectors([facts(n).digest for n in (1, 2, 3)], "net")[0]) == 3
        assert one.notice == other.notice == ""


# --- faces


def test_faces_are_found_again_after_reopening() -> None:
    with FeatureCache() as cache:
        digests = with_faces(cache, 1, 2)
        cache.store_faces([(None, facts(3), b"")], "quick")
    with FeatureCache() as cache:
        found = cache.faces([*digests, facts(3).digest, bytes(16)], ["quick"])
        assert found == {digests[0]: faces_of(1), digests[1]: faces_of(2), facts(3).digest: b""}
        assert cache.facts_of([a_file("2.jpg", 2, 2)]) == {"/photos/2.jpg": facts(2)}
        assert cache.facts_of_digests([facts(3).digest]) == {facts(3).digest: facts(3)}
        assert cache.notice == ""


def test_a_photos_faces_are_those_of_the_best_who_looked() -> None:
    with FeatureCache() as cache:
        one, two, three = with_faces(cache, 1, 2, 3)
        cache.store_faces([(None, facts(2), faces_of(20)), (None, facts(3), b"")], "thorough")
        asked = [one, two, three]
        best = {one: faces_of(1), two: faces_of(20), three: b""}
        assert cache.faces(asked, ["thorough", "quick"]) == best
        assert cache.faces(asked, ["thorough"]) == {two: faces_of(20), three: b""}
        assert cache.faces(asked, ["quick", "thorough"]) == {n: faces_of(n[-1]) for n in asked}
        assert cache.faces(asked, ["an older look"]) == cache.faces(asked, []) == {}


def test_faces_of_more_photos_than_a_query_takes() -> None:
    with FeatureCache() as cache:
        digests = with_faces(cache, *range(1, 1502), count=1)
        assert len(cache.faces(iter(digests), ["thorough", "quick"])) == 1501


def test_faces_that_are_cut_off_are_none() -> None:
    with FeatureCache() as cache:
        cache.store_faces([(None, facts(1), faces_of(1)[:-1]), (None, facts(2), faces_of(2))], "quick")
        assert cache.faces([facts(1).digest, facts(2).digest], ["quick"]) == {facts(2).digest: faces_of(2)}


def test_an_older_programs_file_takes_faces_and_stays_its_own(home: Path) -> None:
    with FeatureCache() as cache:
        digests = stored(cache, 1)
        assert cache.faces(digests, ["quick"]) == {} and cache.forget_faces() == 0
        assert cache.notice == ""
    file = home / "cache" / "features.sqlite3"
    db = sqlite3.connect(file)
    tables = db.execute("SELECT name, sql FROM sqlite_master").fetchall()
    assert "face" not in dict(tables), "what only reads has no need of it"
    db.close()
    with FeatureCache() as cache:
        assert cache.faces(with_faces(cache, 1), ["quick"]) == {digests[0]: faces_of(1)}
    db = sqlite3.connect(file)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert set(tables) < set(db.execute("SELECT name, sql FROM sqlite_master").fetchall())
    db.close()


def test_the_longest_unused_faces_go_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    with FeatureCache() as cache:
        with_faces(cache, *range(1, 1501), count=8)
    later = time.time() + 200_000
    monkeypatch.setattr(time, "time", lambda: later)
    with FeatureCache(bound=2 << 20) as cache:
        assert cache.size() > 2 << 20
        used = [facts(n).digest for n in range(1, 301)]
        cache.faces(used, ["quick"])
        stored(cache, 2001)
        with_faces(cache, 2002)
    with FeatureCache() as cache:
        assert len(cache.faces(used, ["quick"])) == len(used), "what was used is kept"
        assert cache.size() < 2 << 20
        kept = cache.faces([facts(n).digest for n in range(1, 2100)], ["quick"])
        assert len(kept) < 1000 and facts(2002).digest in kept
        assert len(cache.vectors([facts(2001).digest], "net")[0]) == 1
        known = cache.facts_of([a_file(f"{n}.jpg", n, n) for n in range(1, 2100)])
        assert {entry.digest for entry in known.values()} == {*kept, facts(2001).digest}


def test_forgotten_faces_leave_nothing_on_the_disk(home: Path) -> None:
    file = home / "cache" / "features.sqlite3"
    with FeatureCache() as cache:
        stored(cache, *range(1, 400))
        with_faces(cache, *range(1, 400))
        with_faces(cache, *range(1, 400, 2), extractor="thorough")
    with FeatureCache() as cache:
        # Stored anew, larger and smaller, so that faces have lain in many places.
        with_faces(cache, *range(2, 300, 3), count=30)
        with_faces(cache, *range(2, 300, 3), count=1)
        assert faces_of(1) in bytes_on_disk(file)
        assert cache.forget_faces() == 399
        left = bytes_on_disk(file)
        for number in range(1, 400):
            for count in (1, 2, 30):
                faces = faces_of(number, count)
                for start in range(0, len(faces), FACE.itemsize):
                    assert faces[start + 20 : start + 40] not in left
        assert cache.faces([facts(n).digest for n in range(400)], ["quick", "thorough"]) == {}
        assert len(cache.vectors([facts(n).digest for n in range(400)], "net")[0]) == 399
        assert cache.notice == "" and cache.forget_faces() == 0
        with_faces(cache, 1)
    with FeatureCache() as cache:
        assert cache.faces([facts(1).digest], ["quick"]) == {facts(1).digest: faces_of(1)}


def test_forgetting_does_not_stop_at_files_that_were_set_aside(home: Path) -> None:
    file = home / "cache" / "features.sqlite3"
    with FeatureCache() as cache:
        with_faces(cache, *range(1, 100))
    content = file.read_bytes()
    file.write_bytes(b"damaged at its start" + content[20:])
    with FeatureCache() as cache:
        assert "set aside" in cache.notice and faces_of(7) in bytes_on_disk(file)
        (file.parent / "features.sqlite3 of my own.txt").write_text("mine")
        cache.forget_faces()
        assert faces_of(7) not in bytes_on_disk(file)
        assert sorted(path.name for path in file.parent.iterdir() if "-" not in path.name) == [
            "features.sqlite3",
            "features.sqlite3 of my own.txt",
        ]


def test_a_window_that_hinders_forgetting_is_told_of(home: Path) -> None:
    with FeatureCache() as cache:
        digests = with_faces(cache, *range(1, 100))
        assert cache._db is not None
        cache._db.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(cache.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        cache.forget_faces()
        assert cache.notice.startswith(
            "Not all that was stored of faces could be deleted (database is locked)."
        )
        other.execute("ROLLBACK")
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM face").fetchone() == (99,)  # which holds on to the log
        assert cache.forget_faces() == 99
        assert "(the file is in use)" in cache.notice and cache.faces(digests, ["quick"]) == {}
        other.execute("ROLLBACK")
        cache.notice = ""
        cache.forget_faces()
        assert cache.notice == "" and faces_of(7) not in bytes_on_disk(cache.file)
        other.close()


def test_a_damaged_file_is_forgotten_too(home: Path) -> None:
    with FeatureCache() as cache:
        with_faces(cache, *range(1, 2000))
    file = home / "cache" / "features.sqlite3"
    content = bytearray(file.read_bytes())
    content[len(content) // 4 : -len(content) // 4] = bytes(len(content) // 2)
    file.write_bytes(content)
    with FeatureCache() as cache:
        cache.forget_faces()
        left = bytes_on_disk(file)
        assert content[-1000:] not in left and not any(faces_of(n)[20:40] in left for n in range(1, 2000))
        assert cache.faces(with_faces(cache, 1), ["quick"]) == {facts(1).digest: faces_of(1)}


def test_where_nothing_can_be_written_faces_are_done_without(home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    with FeatureCache() as cache:
        assert cache.faces(with_faces(cache, 1), ["quick"]) == {} and cache.forget_faces() == 0
        assert "can't be remembered" in cache.notice


STORE_MANY = """
import sys
import numpy as np
from training.cache import Facts, FeatureCache
from training.faces import FACE
first = int(sys.argv[1])
with FeatureCache() as cache:
    for number in range(first, first + 40):
        facts = Facts(number.to_bytes(16, "big"), 40, 30, "", "")
        cache.store_faces([(None, facts, bytes([number % 256]) * FACE.itemsize)], "quick")
        assert cache.faces([facts.digest], ["quick"])
    sys.exit(cache.notice or 0)
"""


def test_several_programs_store_faces_at_once() -> None:
    stored(FeatureCache(), 1)
    windows = [
        subprocess.Popen(
            [sys.executable, "-c", STORE_MANY, str(1000 * number)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for window in windows:
        _, errors = window.communicate(timeout=120)
        assert window.returncode == 0, errors
    with FeatureCache() as cache:
        digests = [(1000 * w + n).to_bytes(16, "big") for w in range(3) for n in range(40)]
        assert len(cache.faces(digests, ["quick"])) == 120
