"""The room that speaks to Intercom's API.

A range of dates becomes a `timeframe.Timeframe`, `client.IntercomClient` submits it,
and a `job.Job` comes back each time that it is asked. Import from the modules:
``timeframe``, ``job``, ``hosts`` and ``credentials`` are cheap, and only ``client``
(with ``wire`` and ``route``, its hands) imports httpx.

It knows no notebook, no table and no ledger, and writes one file only: the download.
"""
