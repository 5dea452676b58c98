"""A trainer that plays what a test wrote down: `python fake_trainer.py FOLDER fit ...`.

It plays FOLDER/look, with --look, FOLDER/resume, with --resume, else FOLDER/train, line by line, and notes its
arguments in FOLDER/calls. It imports nothing of the program, so that it starts at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def main() -> int:
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    with (folder / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    name = "look" if "--look" in arguments else "resume" if "--resume" in arguments else "train"
    for line in (folder / name).read_text().splitlines():
        what, _, words = line.partition(" ")
        if what == "say":  # an event, or anything else
            print(words, flush=True)
        elif what == "begin":  # part of a line
            print(words, end="", flush=True)
        elif what == "complain":
            print(words, file=sys.stderr, flush=True)
        elif what == "hear":  # wait for a word from the window
            if sys.stdin.readline().strip() != words:
                return 3
        elif what == "wait":  # until the window goes away, and longer
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while sys.stdin.readline():
                pass
            signal.pause()
        elif what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif what == "exit":
            return int(words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
