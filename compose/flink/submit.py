# ruff: noqa: INP001 - a program of the image, not a module of a package
"""Submit the job to the cluster, unless it is there already: then `docker compose up` may be repeated.

Reads the cluster's address from FLINK_CONF_DIR and takes the jars of the locked list from FLINK_JARS.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from importlib import resources
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # published without type information

from flink.jars import read_lock
from flink.job import JOB_NAME

ENDED = {"FINISHED", "FAILED", "CANCELED"}
ANSWER_WITHIN_S = 10


def main() -> None:
    """Say that the job runs, or become `flink run`."""
    rest = yaml.safe_load((Path(os.environ["FLINK_CONF_DIR"]) / "config.yaml").read_text(encoding="utf-8"))["rest"]
    address = f"http://{rest['address']}:{rest['port']}/jobs/overview"
    with urllib.request.urlopen(address, timeout=ANSWER_WITHIN_S) as answer:
        jobs = json.load(answer)["jobs"]
    if any(job["name"] == JOB_NAME and job["state"] not in ENDED for job in jobs):
        sys.stdout.write("the job runs already: nothing to submit\n")
        return
    lock = Path(str(resources.files("flink").joinpath("jars.lock.toml")))
    jars = [Path(os.environ["FLINK_JARS"]) / jar.file_name for jar in read_lock(lock)]
    command = [
        "flink",
        "run",
        "--detached",
        *(part for jar in jars for part in ("--jarfile", str(jar))),
        "--pyExecutable",
        sys.executable,
        "--pyClientExecutable",
        sys.executable,
        "--python",
        str(Path(__file__).with_name("job.py")),
    ]
    os.execvp(command[0], command)  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
