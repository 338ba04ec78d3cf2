"""This project's way as it runs: each book also with its depth within bands and its sweep costs, from all levels."""

from __future__ import annotations

from benchmarks.peers.contending import serve
from benchmarks.peers.ours import Ours


class OursWithDepth(Ours):
    """See Ours."""

    measured = True


if __name__ == "__main__":
    serve(OursWithDepth)
