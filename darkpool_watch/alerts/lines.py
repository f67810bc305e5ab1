"""An alert record as one line of a terminal: when, how bad, what, where, on what, its name."""

from datetime import UTC, datetime

from darkpool_watch.alerts.record import Alert
from darkpool_watch.units import NS_PER_MS, NS_PER_S, counted

LONGEST_STATE = 9  # characters of "confirmed" and "retracted"
LONGEST_SEVERITY = 8  # of "critical"


def line_of(alert: Alert) -> str:
    """Return the line of one alert record, on event time in UTC."""
    return "  ".join(
        (
            _instant(alert.times.event_ns),
            f"{alert.state:<{LONGEST_STATE}}",
            f"{alert.severity:<{LONGEST_SEVERITY}}",
            alert.typology,
            _printable(f"{alert.symbol} on {alert.venue}"),
            *_measures(alert),
            *alert.quality,
            f"id {alert.alert_id}",
        )
    )


def _measures(alert: Alert) -> list[str]:
    if alert.scores is not None:
        scores = alert.scores
        return [f"evidence {scores.evidence:.1f} of {scores.evidence_needed:.1f} needed"]
    if alert.breach is None:
        return []
    breach = alert.breach
    said = [counted(breach.hits, "hit")]
    if breach.worst is not None:
        said.append(f"{'at worst ' if breach.hits > 1 else ''}{breach.worst:.6g} {breach.unit}")
    return said


def _instant(ns: int) -> str:
    whole = datetime.fromtimestamp(ns // NS_PER_S, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{ns % NS_PER_S // NS_PER_MS:03d}Z"


def _printable(text: str) -> str:
    """Return a text of the feed without what could steer a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)
