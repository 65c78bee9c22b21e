"""The room that reads what came back: a downloaded file becomes typed tables.

The way of a file: `sniff` says what its bytes are, `archive` lists its members, `inflate`
unpacks and verifies them, `blocks` cuts them where a record ends, `reading` parses the
pieces in parallel by the types of `schema` (`timestamps` knows every form of an instant),
`frames` and `parquet` put them where they stay, `cache` keeps them beside the file, and
`tables` hands out DataFrames. `passing` does all of it while the file arrives. This room
knows no network and no notebook, and imports pandas, pyarrow and isal only when something is
read.
"""
