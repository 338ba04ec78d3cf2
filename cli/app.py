"""The `orderbook` command line: its subcommands, and how every error reaches a person."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from cli import clean, fit, replay, rules, run, settings, status, stop, symbols, verify
from orderbook.errors import OrderbookError

HANDLED_BY_TYPER = (typer.Exit, typer.Abort, typer.TyperException)


class OneSentenceGroup(TyperGroup):
    """A group whose commands end an error with one sentence and exit status 1; `--debug` lets it through."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer does not export the type of its context
        """Run the command."""
        try:
            return super().invoke(ctx)
        except HANDLED_BY_TYPER:
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            sentence = str(error)
            if not isinstance(error, OrderbookError):
                sentence = f"unexpected {type(error).__name__}: {error}; `orderbook --debug ...` shows where"
            Console(stderr=True).print(sentence, style="red", soft_wrap=True, highlight=False, markup=False)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=OneSentenceGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Order Book Imbalance Monitor: who is pressing, how hard, since when, and whether to believe it.",
)


@app.callback()
def options(*, debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Options of every command."""


app.command("run")(run.run)
app.command("stop")(stop.stop)
app.command("status")(status.status)
app.command("settings")(settings.settings)
app.command("clean")(clean.clean)
app.command("replay")(replay.replay)
app.add_typer(symbols.symbols, name="symbols")
app.command("fit")(fit.fit)
app.command("verify")(verify.verify)
app.command("rules")(rules.rules)


def main() -> None:
    """Run the command line."""
    app()
