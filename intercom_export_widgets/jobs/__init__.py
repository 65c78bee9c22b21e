"""The story over time: submit, watch, download, read, and remember it all.

Uses ``intercom`` for the wire and ``data`` for what came back; knows no notebook.
"""
