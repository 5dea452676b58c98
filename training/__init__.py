"""The mind of Lennonnet: finds photos, turns them into features, learns a subject and scores it. Knows no Qt."""

import os

__version__ = "0.9.0"

# Two threads of numpy's wait for each other on a busy computer: a fit of a hundred labels took 140 ms instead of 5. On
# an idle one they win little. It counts only before numpy is loaded; torch has threads of its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
