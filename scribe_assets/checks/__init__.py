"""Asset checks: what must hold of an artifact, shown beside it in Dagster's UI.

`CHECKS` is what the definitions take. Not here: whether a document has the right form, which is
checked wherever it is read (`artifacts/`), and the checks of an identity bank, which the asset
`voiceprints` reports itself, because only it knows what became of each sample.
"""

from scribe_assets.checks.recording.converted_audio import durations_agree, nothing_is_damaged
from scribe_assets.checks.recording.fused_result import names_are_unique, no_word_is_lost
from scribe_assets.checks.recording.transcript import language_is_sure, speech_has_words

CHECKS = [
    nothing_is_damaged,
    durations_agree,
    language_is_sure,
    speech_has_words,
    no_word_is_lost,
    names_are_unique,
]
