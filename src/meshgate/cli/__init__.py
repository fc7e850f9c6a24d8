"""The command line: one file per command (parse, call, print). May import everything; imports nothing heavy by itself."""
