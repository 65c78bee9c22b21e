"""Intercom's message data export in a notebook: two dates become a DataFrame."""

__version__ = "0.1.0"
