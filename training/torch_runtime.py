"""Brings torch, torchvision and timm into the process without freezing the window that waits for them.

Every other module gets torch from `load()`, on whatever thread first needs it. What is done here, and why:

- Python holds its global lock while a library is mapped, and libtorch_cpu takes 160 ms to map; mapped beforehand
  through a foreign call, which releases the lock, no other thread notices.
- The import makes half a million objects. The garbage collector walks over all of them again and again, 100 ms
  at a time, with the lock held; it rests during the import, and what the import made is then frozen out of its sight.
- A torchvision wheel built for CUDA beside a torch built for the CPU fails to import with "operator
  torchvision::nms does not exist" (pytorch/vision#9077, #9085), though all of its Python part would work. Declaring the
  two operators first is enough; where the real ones load, nothing is declared.
- torchvision asks torch's compiler whether it could compile, and timm tells it to keep off three functions, while they
  are imported. Either imports it, with sympy and 800 modules in all, a third of the time. Nothing is compiled here; so
  two answers are there in its place until timm is imported. Whoever asks for the compiler later gets it.
- Where torch uses several threads for one operation, in training, these spin while they wait for each other. Beside
  a window, or anything else that works, a step of training then took two to ten times as long; so they are told to
  sleep.
- glibc's malloc gives large blocks back to the system after every use and asks for them again; with the network's
  activations that costs up to three quarters of its speed. Three tunables make it keep them, up to 32 MB each: no
  activation of a batch is larger, but the pictures that a viewer gives back are.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

_lock = threading.Lock()
_ready = False

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc


def load() -> ModuleType:
    """Import torch, torchvision and timm, once, and return torch; later calls return at once. Safe from any thread."""
    global _ready
    with _lock:
        if not _ready:
            _keep_freed_memory()
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when the libraries are mapped
            map_libraries()
            collecting = gc.isenabled()
            gc.disable()
            try:
                import torch

                _declare_missing_operators()
                with _without_compiler():
                    import timm  # noqa: F401  (brings torchvision along)

                torch.set_num_threads(1)  # photos are what runs in parallel: see features
            finally:
                gc.freeze()
                if collecting:
                    gc.enable()
            _ready = True
        import torch as loaded

        return loaded


def _keep_freed_memory() -> None:
    """Let glibc's malloc keep what is freed; does nothing with any other C library."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for option, value in (
        (_M_MMAP_THRESHOLD, 32 << 20),
        (_M_TRIM_THRESHOLD, 2**31 - 1),
        (_M_TOP_PAD, 64 << 20),
    ):
        mallopt(option, value)


def map_libraries() -> None:
    """Map torch's shared libraries with Python's lock released, so that the import finds them mapped.

    For as long as that takes, the system lets no other thread map a library; one that tries, by importing a
    compiled module, waits with Python's lock held and stalls the window after all. So start such threads after this.
    """
    suffix = {"linux": ".so", "darwin": ".dylib"}.get(sys.platform)
    found = importlib.util.find_spec("torch") if "torch" not in sys.modules else None
    if suffix is None or found is None or not found.submodule_search_locations:
        return
    folder = Path(next(iter(found.submodule_search_locations)), "lib")
    dlopen = ctypes.CDLL(None).dlopen  # CDLL(path) would hold the lock; a call through CDLL releases it
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    for name in ("libc10", "libtorch_cpu", "libtorch", "libtorch_python"):
        dlopen(
            os.fsencode(folder / f"{name}{suffix}"), os.RTLD_NOW
        )  # where it fails, the import will say why


@contextlib.contextmanager
def _without_compiler() -> Iterator[None]:
    """Answer for torch's compiler what torchvision and timm ask of it when they are imported, unless it is there."""
    names = ("torch._dynamo", "torch._dynamo.utils")
    if any(name in sys.modules for name in names):
        yield
        return
    compiler, its_utils = (ModuleType(name) for name in names)
    vars(compiler)["disable"] = lambda function=None, *_a, **_o: function or (lambda decorated: decorated)
    vars(its_utils)["is_compile_supported"] = lambda device: False
    sys.modules.update(zip(names, (compiler, its_utils), strict=True))
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


_declared: list[object] = []  # torch forgets a declaration when its Library object is collected


def _declare_missing_operators() -> None:
    """Make torchvision importable where its compiled operators can't be loaded; none of them is used here."""
    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or not found.submodule_search_locations:
        return
    extension = next(iter(sorted(Path(next(iter(found.submodule_search_locations))).glob("_C.*"))), None)
    if extension is not None:
        try:
            torch.ops.load_library(str(extension))
            return
        except OSError:
            pass
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)
