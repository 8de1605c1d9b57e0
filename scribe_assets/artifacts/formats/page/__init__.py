"""What `result.html` is made of: a template, its style, its script, its words in each language, and
the colours of speakers. `html` puts them together.

Style and script are files of their own, so that they can be read, and are written into each page.
"""
