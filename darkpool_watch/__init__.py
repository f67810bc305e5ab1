"""Low-latency surveillance of dark-pool and lit order flow."""

__version__ = "0.1.0"
