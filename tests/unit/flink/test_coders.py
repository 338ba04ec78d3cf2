"""The versions of apache-flink and apache-beam that are locked fit together."""

from __future__ import annotations

import subprocess
import sys


def test_python_reads_the_records_of_the_job_with_compiled_coders() -> None:
    """PyFlink falls back on coders written in Python without a word where these do not load."""
    # In a process of its own: what they import warns.
    names = "beam_coder_impl_fast, beam_operations_fast, beam_stream_fast"
    importing = f"from pyflink.fn_execution.beam import {names}"
    done = subprocess.run([sys.executable, "-c", importing], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
