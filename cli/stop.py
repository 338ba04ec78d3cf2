"""`orderbook stop`: end the stack that runs in the background or in another terminal."""

from __future__ import annotations

from rich.console import Console


def stop() -> None:
    """End the running stack and wait until its last process is gone."""
    from local_stack.ending import stop_stack  # noqa: PLC0415 - a command imports its room when it is called
    from orderbook.settings import load_settings  # noqa: PLC0415 - the same

    state_dir = load_settings().state_dir
    ended = stop_stack(state_dir)
    console = Console(highlight=False, soft_wrap=True)
    if ended is None:
        console.print(f"no stack is running in {state_dir}")
    elif ended.forced:
        console.print(f"stopped in {ended.took_s:.1f} s; the supervisor did not end by itself and was killed")
    else:
        console.print(f"stopped in {ended.took_s:.1f} s; every process has ended")
