"""What survives a kill, or the loss of power, at any moment: bytes in files and folders.

=============== ===================================================================================
`atomic`        files and folders that appear whole or not at all
`arrays`        named arrays in one file, never with pickle
`snapshots`     the newest state of something, in numbered folders with the digests of their files
`append_log`    records that are on disk before anybody acts upon them, each with its checksum
`line_log`      lines of text that a snapshot knows up to some place
`lock`          one process at a time in a folder
`faults`        what a file can do wrong, as one error that names the file and the reason
`spool`         large bytes that are needed until a round is over
=============== ===================================================================================

What is kept is the business of others: nothing here has heard of a rating, a key or a round.
"""
