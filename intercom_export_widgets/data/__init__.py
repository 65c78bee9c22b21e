"""The room that reads what came back: a downloaded file becomes typed tables.

The way of a file: `sniff` says what its bytes are, `archive` lists its members, `decompress`
inflates and verifies them, `csv_blocks` splits them where a record ends, `reading` parses the
blocks in parallel by the types of `schema` (`timestamps` parses every form of a timestamp),
`dataframe` and `parquet` build what is returned or written, `cache` keeps it beside the file,
and `tables` returns DataFrames. `ingest` does all of it while the file arrives. pandas, pyarrow
and isal are imported only when something is read.
"""
