"""The documents Scribe writes, their schemas, and the formats a result can be read in."""
