"""Asset checks: what must hold of a result, seen beside it in the UI."""

from scribe_assets.checks.fused_result import names_are_unique, no_word_is_lost

CHECKS = [no_word_is_lost, names_are_unique]
