"""The entry of the window: `lennonnet`, `python -m lennonnet_gui`, and the bundled executable."""

from __future__ import annotations

import multiprocessing
import sys

AS_TRAINER = "--as-trainer"
"""With this as its first argument, the bundled executable is the command line of `training`: no Python is beside it."""


def main() -> int:
    """Prepare the process, then run the window; nothing heavy is imported before."""
    multiprocessing.freeze_support()  # a bundled executable is started again for each helper process
    if sys.argv[1:2] == [AS_TRAINER]:
        from training.__main__ import main as train

        return train(sys.argv[2:])
    if sys.platform == "win32":
        from training import torch_runtime

        torch_runtime.load()  # after Qt, torch's libraries fail to load there (WinError 1114)
    from lennonnet_gui import app

    return app.main()


if __name__ == "__main__":
    sys.exit(main())
