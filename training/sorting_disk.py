"""The disk as sorting sees it (`Disk`), and all that sorting does to it (`Acts`), one system call a method.

Planning only looks, and every look can be given by a test. Running acts, and every act goes through here, so that a
test can let the process die between any two.
"""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH102, PTH104, PTH105, PTH106, PTH108, PTH116, PTH120, PTH123

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import stat
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from training import photos
from training.photos import PhotoFile, UnreadablePhoto

PIECE = 4 << 20
"""Bytes that are copied between two looks at the clock."""

LARGEST_SIDECAR = 32 << 20
"""Bytes; what is larger is no sidecar."""

FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"
"""What a name in a listing stands for."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be known of a folder before files are put into it, or taken out of it.

    identity: what all its names share, or None if it is not there yet (the rest is then that of where it would be
    made); device: of the file system; picky: whether names have to be such as Windows takes
    longest: bytes of a name; longest_path: of a whole path; free: bytes, or None if that can't be told
    trouble: why nothing can be put there or taken away, as words that follow its name, or ""
    """

    identity: tuple[int, int] | None
    device: int
    picky: bool = False
    longest: int = 255
    longest_path: int = 4095
    free: int | None = None
    trouble: str = ""


class Disk(Protocol):
    """What planning has to know of the disk."""

    def listing(self, folder: str) -> Mapping[str, str] | None:
        """What lies in a folder: FILE, FOLDER, LINK or OTHER by name; None if it is not there or can't be listed."""

    def file(self, path: str) -> PhotoFile | None:
        """A file's size and time; None if there is none."""

    def digest(self, file: PhotoFile) -> bytes | None:
        """The XXH3-128 of a file's bytes; None if it can't be read."""

    def place(self, folder: str) -> Place:
        """What is to be known of a folder, there or not."""

    def read(self, path: str) -> bytes:
        """What a sidecar holds. Raises OSError."""


class RealDisk:
    """The disk of this machine."""

    def listing(self, folder: str) -> Mapping[str, str] | None:
        """What lies in a folder."""
        found: dict[str, str] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found[entry.name] = _kind(entry)
        except OSError:
            return None
        return found

    def file(self, path: str) -> PhotoFile | None:
        """A file's size and time."""
        try:
            facts = os.stat(path)
        except (OSError, ValueError):
            return None
        return PhotoFile(path, facts.st_size, facts.st_mtime_ns)

    def digest(self, file: PhotoFile) -> bytes | None:
        """The XXH3-128 of a file's bytes."""
        try:
            return photos.digest(file.path)
        except UnreadablePhoto:
            return None

    def place(self, folder: str) -> Place:
        """What is to be known of a folder, there or not."""
        there = folder
        while True:
            try:
                facts = os.stat(there)
                break
            except (FileNotFoundError, NotADirectoryError):
                up = os.path.dirname(there)
                if up == there:
                    return Place(None, 0, trouble="isn’t on any drive that is connected")
                there = up
            except OSError as error:
                return Place(None, 0, trouble=f"can’t be used: {words_of(error)}")
        identity = (facts.st_dev, facts.st_ino) if there == folder else None
        if not stat.S_ISDIR(facts.st_mode):
            return Place(None, facts.st_dev, trouble=f"can’t be a folder, because “{shown(there)}” is a file")
        trouble, free, longest = "", None, 255
        if hasattr(os, "statvfs"):
            with contextlib.suppress(OSError):
                room = os.statvfs(there)
                free, longest = room.f_bavail * room.f_frsize, room.f_namemax or 255
                if room.f_flag & os.ST_RDONLY:
                    trouble = "is read-only"
        else:
            import shutil

            with contextlib.suppress(OSError):
                free = shutil.disk_usage(there).free
        if not trouble and not os.access(there, os.W_OK | os.X_OK):
            trouble = "can’t be changed: you have no permission"
        picky = sys.platform == "win32" or _file_system(facts.st_dev) in _PICKY
        path = 259 if sys.platform == "win32" else 1023 if sys.platform == "darwin" else 4095
        return Place(identity, facts.st_dev, picky, longest, path, free, trouble)

    def read(self, path: str) -> bytes:
        """What a sidecar holds."""
        return read_small(path)


def read_small(path: str) -> bytes:
    """What a file holds; of one that is too large for a sidecar, a byte more than those may hold. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(LARGEST_SIDECAR + 1)


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_symlink():
            return LINK
        return FOLDER if entry.is_dir() else FILE if entry.is_file() else OTHER
    except OSError:
        return OTHER


_PICKY = frozenset({"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "smbfs"})


def _file_system(device: int) -> str:
    """The name of a file system's kind, or "" where the system does not tell."""
    wanted = f"{os.major(device)}:{os.minor(device)}" if hasattr(os, "major") else ""
    with (
        contextlib.suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts,
    ):
        for line in mounts:
            words = line.split()
            if len(words) > 2 and words[2] == wanted and "-" in words:
                return words[words.index("-") + 1]
    return ""


# ------------------------------------------------------------------------------------------------------------- acts


class Acts:
    """All that sorting does to the disk. Each method is one system call, or one to each piece, and raises OSError."""

    def step(self) -> None:
        """Called before each act; a test may end the process here."""

    def rename(self, source: str, target: str) -> None:
        """Give a file another name, atomically, without replacing one; raises FileExistsError.

        Raises OSError with EINVAL or ENOSYS where the file system can't promise that; nothing is done then.
        """
        self.step()
        _rename(source, target)

    def replace(self, source: str, target: str) -> None:
        """Give a file the name of another, which is gone then; for names that were claimed alone."""
        self.step()
        os.replace(source, target)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; raises FileExistsError."""
        self.step()
        os.link(source, target)

    def claim(self, path: str) -> None:
        """Make an empty file of that name, which is ours then; raises FileExistsError."""
        self.step()
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def unlink(self, path: str) -> None:
        """Take a name away."""
        self.step()
        os.unlink(path)

    def exchange(self, one: str, other: str) -> None:
        """Let two files change their names, atomically.

        Raises OSError with EINVAL or ENOSYS where the file system or the system can't; nothing is done then.
        """
        self.step()
        _exchange(one, other)

    def trash(self, path: str) -> None:
        """Put a file in the system's trash; more than one system call. Raises OSError."""
        self.step()
        from send2trash import send2trash

        send2trash(path)

    def mkdir(self, path: str) -> None:
        """Make a folder; raises FileExistsError."""
        self.step()
        os.mkdir(path)

    def rmdir(self, path: str) -> None:
        """Take an empty folder away."""
        self.step()
        os.rmdir(path)

    def create(self, path: str) -> int:
        """Make a file and open it for writing; raises FileExistsError."""
        self.step()
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | _BINARY | _NO_FOLLOW, 0o600)

    def write(self, file: int, data: memoryview) -> int:
        """Write a piece, or a part of it: how many bytes."""
        self.step()
        return os.write(file, data)

    def copy_piece(self, source: int, target: int) -> int:
        """Copy a piece from file to file within the system: how many bytes, 0 at the end.

        Raises OSError with EXDEV, EINVAL, ENOSYS or EOPNOTSUPP where the system can't.
        """
        self.step()
        copy = getattr(os, "copy_file_range", None)
        if copy is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        copied: int = copy(source, target, 2 * PIECE)
        return copied

    def dress(self, source: str, facts: os.stat_result, file: int, path: str, *, times: bool = True) -> None:
        """Give a copy the owner, permissions, extended attributes and times of its original, where that is possible."""
        self.step()
        _dress(source, facts, file, path)
        if times:
            with contextlib.suppress(OSError, OverflowError):  # a time that this disk does not know
                os.utime(path if sys.platform == "win32" else file, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def permit(self, file: int, like: os.stat_result) -> None:
        """Let those read and write a new file that may do so with another."""
        self.step()
        _permit(file, like, 0o666)

    def begin_writing(self, file: int) -> None:
        """Ask the system to write a file to the disk, without waiting for it."""
        advise = getattr(os, "posix_fadvise", None)
        if advise is not None:
            with contextlib.suppress(OSError):
                advise(file, 0, 0, os.POSIX_FADV_DONTNEED)

    def flush(self, path: str) -> None:
        """Wait until a file is on the disk, and let it be read from there when it is read next."""
        self.step()
        # A read-only file can't be opened for writing, and need not be, except on Windows.
        how = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY
        file = os.open(path, how | _BINARY | _NO_FOLLOW)
        try:
            if sys.platform == "darwin":
                import fcntl

                try:
                    fcntl.fcntl(file, fcntl.F_FULLFSYNC)
                except OSError:
                    os.fsync(file)
            else:
                os.fsync(file)
            self.begin_writing(file)  # all is written: what is left of it in memory is forgotten
        finally:
            os.close(file)

    def flush_files(self, paths: Collection[str]) -> None:
        """Wait until these files are on the disk."""
        apart: dict[int, list[str]] = {}
        for path in paths:
            apart.setdefault(os.lstat(path).st_dev, []).append(path)
        for some in apart.values():
            # To wait for one takes about as long as to wait for the whole disk.
            if len(some) > 8:
                self.step()
                if _sync_file_system(os.path.dirname(some[0])):
                    continue
            for path in some:
                self.flush(path)

    def flush_folders(self, folders: Collection[str]) -> None:
        """Wait until the names in these folders are on the disk, as far as the system lets anybody do that."""
        if sys.platform == "win32":
            return
        opened: dict[int, list[str]] = {}
        for folder in folders:
            with contextlib.suppress(OSError):
                opened.setdefault(os.stat(folder).st_dev, []).append(folder)
        for some in opened.values():
            # To wait for one folder takes about as long as to wait for the whole disk.
            if len(some) > 4 and _sync_file_system(some[0]):
                continue
            for folder in some:
                self.step()
                with contextlib.suppress(OSError):
                    file = os.open(folder, os.O_RDONLY)
                    try:
                        os.fsync(file)
                    finally:
                        os.close(file)


_BINARY: int = getattr(os, "O_BINARY", 0)
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_AT_CWD, _NO_REPLACE, _EXCHANGE = -100, 1, 2
_RENAME_SWAP, _RENAME_EXCL = 2, 4
_COPYFILE_XATTR_ACL = (1 << 0) | (1 << 2)


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _rename(source: str, target: str) -> None:
    if sys.platform == "win32":
        os.rename(source, target)  # does not replace there
        return
    _renamed(source, target, _NO_REPLACE, _RENAME_EXCL)


def _exchange(one: str, other: str) -> None:
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), one, None, other)
    _renamed(one, other, _EXCHANGE, _RENAME_SWAP)


def _renamed(source: str, target: str, linux: int, macos: int) -> None:
    old, new = os.fsencode(source), os.fsencode(target)
    try:
        if sys.platform == "darwin":
            failed = _libc().renamex_np(old, new, ctypes.c_uint(macos))
        else:
            failed = _libc().renameat2(_AT_CWD, old, _AT_CWD, new, ctypes.c_uint(linux))
    except AttributeError:  # an older C library
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), source, None, target) from None
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), source, None, target)


def _sync_file_system(folder: str) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        file = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        return bool(_libc().syncfs(file) == 0)
    except AttributeError:
        return False
    finally:
        os.close(file)


def _permit(file: int, facts: os.stat_result, among: int) -> None:
    if hasattr(os, "fchown") and hasattr(os, "getuid"):
        mine = os.getuid(), os.getgid()
        if (facts.st_uid, facts.st_gid) != mine:
            with contextlib.suppress(OSError):
                os.fchown(file, facts.st_uid, facts.st_gid)
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # file systems without permissions
            os.fchmod(file, stat.S_IMODE(facts.st_mode) & among)


def _dress(source: str, facts: os.stat_result, file: int, path: str) -> None:
    _permit(file, facts, 0o7777)
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(source):
                with contextlib.suppress(OSError):
                    os.setxattr(file, name, os.getxattr(source, name))
    elif sys.platform == "darwin":
        with contextlib.suppress(AttributeError):
            _libc().copyfile(os.fsencode(source), os.fsencode(path), None, ctypes.c_uint(_COPYFILE_XATTR_ACL))


# ------------------------------------------------------------------------------------------------------------ words


def words_of(error: OSError) -> str:
    """Why something could not be done, as words that follow a colon."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "the disk is full"
        case errno.EACCES | errno.EPERM:
            return "you have no permission"
        case errno.EROFS:
            return "the disk is read-only"
        case errno.ENAMETOOLONG:
            return "its name is too long there"
        case errno.EIO:
            return "the disk reports an error"
        case errno.ENOENT:
            return "it isn’t there any more"
        case errno.ENOTDIR:
            return "a file has the name of its folder"
        case errno.EFBIG:
            return "it is too large for that disk"
        case errno.EMLINK:
            return "it has as many hard links as that disk allows"
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]


def shown(path: str) -> str:
    """A path as it can be shown: with a sign in place of what is no text."""
    return os.fsencode(path).decode("utf-8", "replace")
