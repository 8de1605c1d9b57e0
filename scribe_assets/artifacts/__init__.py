"""The documents that Scribe writes, their schemas, and the formats that they can be read in.

What belongs here: the shape of each document, and pure functions from a document to text. What does
not: computing what is in them (`speech`), where they are kept (`storage`), Dagster, S3, and any
library of models or media. Of `speech`, only modules of plain data and functions are imported.
"""
