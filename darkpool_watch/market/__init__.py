"""Stage 2: events to market state and one observation an event."""
