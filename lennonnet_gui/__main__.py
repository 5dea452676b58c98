"""The entry of the window: `lennonnet`, `python -m lennonnet_gui`, and the bundled executable."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

AS_TRAINER = "--as-trainer"
"""With this as its first argument, the bundled executable is the command line of `training`: no Python is beside it."""

LICENCES = "--licences"
"""With this as its first argument, it prints what it is made of; the names of parts may follow, for their texts."""

SELF_TEST, SELF_TEST_WORKER = "--self-test", "--self-test-worker"
"""With the one among its arguments, the program tries itself out; with the other, the first, it does so for another."""


def main() -> int:
    """Prepare the process, then run the window; nothing heavy is imported before."""
    multiprocessing.freeze_support()  # a bundled executable is started again for each helper process
    _make_streams()
    if sys.argv[1:2] == [AS_TRAINER]:
        from training.__main__ import main as train

        return train(sys.argv[2:])
    if sys.argv[1:2] == [SELF_TEST_WORKER] or SELF_TEST in sys.argv[1:]:
        from lennonnet_gui import self_test

        if sys.argv[1] == SELF_TEST_WORKER:
            return self_test.work(sys.argv[2:])
        return self_test.main(sys.argv[1:])
    if sys.argv[1:2] == [LICENCES]:
        from training import licences

        return licences.print_all(sys.argv[2:])
    if sys.platform == "win32":
        from training import torch_runtime

        torch_runtime.load()  # after Qt, torch's libraries fail to load there (WinError 1114)
    from lennonnet_gui import app

    return app.main()


def _make_streams() -> None:
    """Give prints a place to go where there is none, as in a windowed program on Windows: not all libraries ask."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115, open to the end


if __name__ == "__main__":
    sys.exit(main())
