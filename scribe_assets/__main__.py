"""`python -m scribe_assets` is `scribe`."""

from scribe_assets.cli import main

main()
