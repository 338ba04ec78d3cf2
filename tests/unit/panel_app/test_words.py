from __future__ import annotations

import pytest

from panel_app import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (61234.565, "61,234.57"),
        (2610.0, "2,610.00"),
        (148.005, "148.00"),
        (9.9, "9.9000"),
        (0.42315, "0.42315"),
        (0.0000123456, "0.000012346"),
        (0.0, "0.00"),
        (None, "–"),  # noqa: RUF001 - the dash of a table
    ],
)
def test_a_price_keeps_the_digits_that_matter(value: float | None, text: str) -> None:
    assert words.price(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1234567.0, "1,234,567"), (123.456, "123.46"), (1.0736, "1.0736"), (0.05116, "0.051160")]
)
def test_a_quantity_has_five_digits(value: float, text: str) -> None:
    assert words.quantity(value) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(-5, "0 s"), (59_999, "59 s"), (60_000, "1 min 00 s"), (3_599_000, "59 min 59 s"), (3_725_000, "1 h 02 min")],
)
def test_a_duration_has_two_units(ms: int, text: str) -> None:
    assert words.duration(ms) == text


def test_times_are_utc() -> None:
    assert words.utc_time(1_700_000_000_000) == "22:13:20"
    assert words.utc_day_and_time(1_700_000_000_000) == "2023-11-14 22:13:20"


def test_a_ratio_always_shows_its_sign() -> None:
    assert (words.ratio(0.7), words.ratio(-0.702), words.ratio(0.0)) == ("+0.70", "-0.70", "+0.00")


def test_small_spreads_keep_a_third_decimal() -> None:
    assert (words.bps(0.0016), words.bps(12.345)) == ("0.002", "12.35")


@pytest.mark.parametrize("value", [-0.0, -0.0049, 0.0049])
def test_a_ratio_that_is_rounded_to_zero_has_no_minus(value: float) -> None:
    assert words.ratio(value) == "+0.00"


@pytest.mark.parametrize("value", [-0.0, -4e-12])
def test_nothing_that_is_rounded_to_zero_has_a_minus(value: float) -> None:
    said = (words.price(value, like=2.5), words.quantity(value), words.bps(value))
    assert {float(text) for text in said} == {0.0}
    assert not any("-" in text for text in said)


def test_a_number_that_keeps_a_digit_keeps_its_minus() -> None:
    said = (words.ratio(-0.0051), words.price(-61234.5), words.quantity(-0.5), words.bps(-0.0006), words.bps(-1.5))
    assert said == ("-0.01", "-61,234.50", "-0.50000", "-0.001", "-1.50")
