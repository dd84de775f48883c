from __future__ import annotations

import subprocess
import sys

CHECK = """
from ceasefire.quality.suites import suite_counts
try:
    suite_counts(None, [])
except AttributeError as error:
    print(error)
"""


def test_a_main_module_without_a_file_can_check_too() -> None:
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=False)

    # what it comes to is the frame, which is none
    assert (done.returncode, done.stdout) == (0, "'NoneType' object has no attribute 'persist'\n")
