"""One module per kind of document: bytes in, blocks of text out. Pure functions over maintained parsers."""
