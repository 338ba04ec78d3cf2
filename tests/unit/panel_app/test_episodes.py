from __future__ import annotations

import pytest

from panel_app.episodes import KEPT_EPISODES, EpisodeBook, episode_of
from tests.unit.panel_app.records import NOW, alert


def test_the_newest_step_wins_in_whatever_order_steps_come() -> None:
    book = EpisodeBook()
    book.learn([episode_of(alert(step=2, status="RESOLVED", peak=0.9)), episode_of(alert(step=1, peak=0.7))])
    [episode] = book.newest()
    assert (episode.status, episode.peak) == ("RESOLVED", 0.9)


def test_only_listed_open_episodes_are_active() -> None:
    book = EpisodeBook()
    book.learn([episode_of(alert("gone")), episode_of(alert("over", status="RESOLVED"))])
    book.activate([episode_of(alert("on", status="RECOVERING")), episode_of(alert("ended", status="RESOLVED"))])
    assert [episode.alert_id for episode in book.active()] == ["on"]
    by_id = {episode.alert_id: episode for episode in book.newest()}
    assert by_id["gone"].status_words(active=book.is_active(by_id["gone"])) == "end not recorded"
    assert by_id["on"].status_words(active=True) == "easing"
    assert by_id["ended"].status_words(active=False) == "over"


def test_an_episode_whose_book_is_doubted_still_lasts() -> None:
    book = EpisodeBook()
    book.activate([episode_of(alert("cut", status="SUPPRESSED")), episode_of(alert("silent", status="NODATA"))])
    assert {episode.alert_id: episode.status_words(active=True) for episode in book.active()} == {
        "cut": "suppressed",
        "silent": "no data",
    }


def test_an_episode_that_leaves_the_set_is_no_longer_active() -> None:
    book = EpisodeBook()
    book.activate([episode_of(alert("on"))])
    book.activate([])
    assert book.active() == ()


def test_the_feed_is_newest_first_and_never_loses_an_active_one() -> None:
    book = EpisodeBook()
    book.learn(episode_of(alert(f"o{n}", status="RESOLVED", onset_ms=NOW + n)) for n in range(1, 6))
    book.activate([episode_of(alert("oldest, active", onset_ms=NOW))])
    assert [episode.alert_id for episode in book.newest(3)] == ["o5", "o4", "oldest, active"]


def test_the_gravest_active_episode_comes_first() -> None:
    book = EpisodeBook()
    book.activate(
        [
            episode_of(alert("older", onset_ms=NOW)),
            episode_of(alert("newer", onset_ms=NOW + 5)),
            episode_of(alert("grave", onset_ms=NOW - 9, severity="high")),
        ]
    )
    assert [episode.alert_id for episode in book.active()] == ["grave", "newer", "older"]


def test_memory_is_bounded_and_drops_the_oldest_idle_ones() -> None:
    book = EpisodeBook()
    book.activate([episode_of(alert("active", event_ms=NOW - 10**9))])
    book.learn(episode_of(alert(f"n{n}", status="RESOLVED", event_ms=NOW + n)) for n in range(KEPT_EPISODES + 5))
    kept = {episode.alert_id for episode in book.newest(10**6)}
    assert len(kept) == KEPT_EPISODES
    assert "active" in kept
    assert "n5" not in kept
    assert f"n{KEPT_EPISODES + 4}" in kept


@pytest.mark.parametrize(
    ("rule", "side", "peak", "words"),
    [
        ("extreme_imbalance", "bid", 0.74, "87 % of depth on the bid (0.74)"),
        ("imbalance_flip", "ask", 0.5, "75 % of depth on the ask (0.50)"),
        ("spread_widening", None, 3.44, "3.4 times the usual spread"),
        ("liquidity_drop", None, 0.12, "12 % of the usual depth"),
        ("feed_gap", None, 12.4, "12 s without a book to believe"),
        ("liquidity_vacuum", None, 12.0, "peak 12.00"),
        ("liquidity_vacuum", None, -0.004, "peak 0.00"),
    ],
)
def test_a_peak_is_said_in_words(rule: str, side: str | None, peak: float, words: str) -> None:
    assert episode_of(alert(rule=rule, side=side, peak=peak)).peak_words == words  # type: ignore[arg-type]  # a literal


def test_a_rule_without_a_name_of_its_own_is_readable() -> None:
    assert episode_of(alert(rule="liquidity_vacuum")).rule_words == "Liquidity vacuum"


def test_the_episodes_of_a_symbol_that_is_no_longer_followed_are_forgotten() -> None:
    book = EpisodeBook()
    book.learn([episode_of(alert("past", symbol="ETHUSDT", status="RESOLVED"))])
    book.activate([episode_of(alert("on", symbol="ETHUSDT")), episode_of(alert("kept"))])
    book.forget_others({"BTCUSDT"})
    assert [episode.alert_id for episode in book.newest()] == ["kept"]
    assert [episode.alert_id for episode in book.active()] == ["kept"]
