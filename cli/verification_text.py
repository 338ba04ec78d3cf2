"""A verification as a person reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.table import Table

from orderbook.verification import Finding, Percentiles, Span, SymbolReport, Verification

SHOWN: Final = 20
"""Findings and unreadable lines shown one by one; --json lists more."""
EVENT: Final = "event "
MARKETS: Final = {"spot": "Spot", "usdm": "USD-M futures", "coinm": "COIN-M futures"}


def show(report: Verification, console: Console) -> None:
    """Print the report."""
    _say(console, f"{', '.join(report.files)}: {MARKETS[report.market]}, {_span(report)}, {report.lines:,} lines")
    _say(console, ", ".join(_counted(name, count) for name, count in report.frames.items()))
    if report.clock_offset_ms is not None:
        offset = report.clock_offset_ms
        _say(
            console,
            f"receive clock minus the exchange's: {offset.least:+.0f} to {offset.greatest:+.0f} ms, "
            f"{report.clock_jumps} {_plural('jump', report.clock_jumps)}",
        )
    if report.lost_frames:
        _say(console, f"{report.lost_frames:,} frames were lost by the recorder: its disk could not keep up", "red")
    console.print()
    console.print(_books(report.symbols))
    console.print()
    console.print(_times(report.symbols))
    _untrusted(report.symbols, console)
    for symbol in report.symbols:
        if not symbol.sequenced:
            _say(
                console,
                f"{symbol.symbol}: partial books only, without a sequence. A lost one cannot be noticed, so no book "
                "of it counts as live.",
                "yellow",
            )
    _listed(console, "break", map(_finding, report.findings), report.findings_count)
    _listed(
        console,
        "unreadable line",
        (f"{one.file}, line {one.line}: {one.reason}" for one in report.unreadable),
        report.unreadable_count,
    )
    console.print()
    _verdict(report, console)


def _books(symbols: list[SymbolReport]) -> Table:
    rows: tuple[tuple[str, Callable[[SymbolReport], str]], ...] = (
        ("symbol", lambda one: one.symbol),
        ("books", lambda one: f"{one.books:,}"),
        ("live", lambda one: f"{one.live_books:,}"),
        ("gaps", lambda one: str(one.gaps + one.backwards)),
        ("missing", lambda one: f"{one.missing_updates:,}"),
        ("resyncs", lambda one: str(one.resyncs)),
        ("compared", lambda one: f"{one.oracle_checks:,}"),
        ("differ", lambda one: str(one.oracle_mismatches)),
        ("crossed", lambda one: str(one.crossed)),
        ("impossible", lambda one: str(one.impossible)),
        ("ends", lambda one: str(one.state or "unknown")),
    )
    return _table(rows, symbols)


def _times(symbols: list[SymbolReport]) -> Table:
    rows: tuple[tuple[str, Callable[[SymbolReport], str]], ...] = (
        ("symbol", lambda one: one.symbol),
        ("latency ms p50/p90/p99/max", lambda one: _percentiles(one.latency)),
        ("between frames ms", lambda one: _percentiles(one.inter_arrival)),
        ("bids to bps least/last", lambda one: _coverage(one, one.bid_coverage_bps)),
        ("asks to bps least/last", lambda one: _coverage(one, one.ask_coverage_bps)),
    )
    return _table(rows, symbols)


def _table(columns: Iterable[tuple[str, Callable[[SymbolReport], str]]], symbols: list[SymbolReport]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    cells = []
    for number, (name, cell) in enumerate(columns):
        table.add_column(name, justify="right" if number else "left")
        cells.append(cell)
    for symbol in symbols:
        table.add_row(*(cell(symbol) for cell in cells))
    return table


def _untrusted(symbols: list[SymbolReport], console: Console) -> None:
    if not any(symbol.untrusted for symbol in symbols):
        return
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("not live")
    table.add_column("cause")
    for name in ("stretches", "seconds", "longest s"):
        table.add_column(name, justify="right")
    table.add_column("")
    for symbol in symbols:
        for one in symbol.untrusted:
            table.add_row(
                symbol.symbol,
                one.cause,
                str(one.stretches),
                f"{one.total_ms / 1000:.1f}",
                f"{one.longest_ms / 1000:.1f}",
                "to the end" if one.open else "",
            )
    console.print()
    console.print(table)


def _listed(console: Console, what: str, sentences: Iterable[str], count: int) -> None:
    if not count:
        return
    console.print()
    _say(console, f"{count:,} {_plural(what, count)}", "bold")
    shown = [sentence for _, sentence in zip(range(SHOWN), sentences, strict=False)]
    for sentence in shown:
        _say(console, f"  {sentence}")
    if count > len(shown):
        _say(console, f"  and {count - len(shown):,} more (--json lists them)")


def _finding(one: Finding) -> str:
    place = f"{one.symbol}, {one.file}, line {one.line}, {_utc(one.receive_time_ms)}"
    if one.expected_update_id is None or one.kind != "gap":
        return f"{place}: {one.reason}"
    came = one.seen_first_update_id if one.seen_previous_update_id is None else one.seen_previous_update_id
    return (
        f"{place}: gap, expected {one.expected_update_id}, came {came}"
        f" (to {one.seen_final_update_id}): {one.missing_updates:,} update ids missing"
    )


def _verdict(report: Verification, console: Console) -> None:
    if report.mismatches:
        counted = "1 mismatch" if report.mismatches == 1 else f"{report.mismatches:,} mismatches"
        _say(console, f"{counted}: these books are not what the exchange says they were", "red")
    elif report.oracle_checks:
        _say(console, f"0 mismatches in {report.oracle_checks:,} comparisons with the exchange's best quotes", "green")
    else:
        _say(console, "nothing could be compared: no best quote shares an update id with a book", "yellow")


def _say(console: Console, sentence: str, style: str | None = None) -> None:
    console.print(sentence, style=style, markup=False)


def _span(report: Verification) -> str:
    first_ms, last_ms = report.first_receive_time_ms, report.last_receive_time_ms
    if first_ms is None or last_ms is None:
        return "empty"
    return f"{_utc(first_ms)} to {_utc(last_ms)} ({(last_ms - first_ms) / 1000:.1f} s)"


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{time_ms % 1000:03} UTC"


def _percentiles(seen: Percentiles | None) -> str:
    return "unknown" if seen is None else f"{seen.p50_ms}/{seen.p90_ms}/{seen.p99_ms}/{seen.max_ms}"


def _coverage(symbol: SymbolReport, seen: Span | None) -> str:
    if seen is not None:
        return f"{seen.least:.1f}/{seen.last:.1f}"
    return "all" if symbol.sequenced and symbol.books else "unknown"


def _counted(name: str, count: int) -> str:
    if name.startswith(EVENT):
        return f"{name.removeprefix(EVENT).replace('_', ' ')} {count} {_plural('time', count)}"
    return f"{count:,} {_plural(name, count)}"


def _plural(name: str, count: int) -> str:
    return name if count == 1 else f"{name}s"
