"""A folder of price and macro files as people have them, read by content, never by trust.

Where to go: `folder` chooses the files and their capture time; `document` turns bytes into tables of text; `shapes`
says which header means what; `cells` reads numbers and dates; `names` finds symbols, series and days in file names;
`prices`, `macro` and `futures` turn a table into captures; `refusals` holds what all of them need to say no.
"""

from pipeline.sources.files.folder import read_file, read_folder

__all__ = ["read_file", "read_folder"]
