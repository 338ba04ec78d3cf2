"""The parts of the page. They read records and draw; nothing is decided here."""
