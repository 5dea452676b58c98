"""torch comes without what nothing here asks of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_torchs_compiler_stays_out_until_somebody_wants_it() -> None:
    code = """
import sys
from training import torch_runtime
torch = torch_runtime.load()
print(sorted({"timm", "torch._dynamo", "torch._dynamo.utils", "sympy"} & set(sys.modules)))
import torch._dynamo.utils
print(torch._dynamo.utils.is_compile_supported.__module__, torch._dynamo.disable.__module__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split("\n")[:2] == ["['timm']", "torch._dynamo.utils torch._dynamo.decorators"]
