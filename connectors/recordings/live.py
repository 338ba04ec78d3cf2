"""The live feed with a recorder beside it."""

from __future__ import annotations

from connectors.binance.endpoints import Endpoints
from connectors.binance.line import LineRules
from connectors.binance.roster import Decision
from connectors.binance.selection import Listing
from connectors.binance.source import BinanceSource, ConnectionPartition
from connectors.recordings.recorder import Recorder
from orderbook.settings import Settings


class RecordedBinanceSource(BinanceSource):
    """A `BinanceSource` each of whose connections is a part of the recording, kept before it is driven.

    The recorder is closed with the last connection.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        settings: Settings,
        listing: Listing,
        chosen: tuple[str, ...],
        decision: Decision,
        *,
        recording: Recorder,
        rules: LineRules | None = None,
    ) -> None:
        super().__init__(endpoints, settings, listing, chosen, decision, rules=rules)
        self._recording = recording

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> ConnectionPartition:
        """Open one connection and its series of segments."""
        self._recorder = self._recording.part(
            for_part,
            venue=self._endpoints.venue,
            market=self._endpoints.market,
            symbols=self._decision.assignment[for_part],
        )
        return super().build_part(step_id, for_part, resume_state)

    def _close_one(self) -> None:
        super()._close_one()
        if self._open == 0:
            self._recording.close()
