"""Intercom's API: from a range of dates to a job, and from a job to its downloaded file.

Read it in this order; each file imports only from those before it: `zones`, `dateparse`,
`timeframe`, `windows`, `credentials`, `redact`, `hosts`, `retry`, `deadline`, `models`,
`responses`, `proxies`, `transport`, `partial_file`, `download`, `client`.

Only the last five import httpx, so that loading the extension does not.
"""
