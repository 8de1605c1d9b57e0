"""Asset checks: what must hold of an artifact, shown beside it in Dagster's UI.

`CHECKS` is what the definitions take. Not here: whether a document has the right form, which is
checked wherever it is read (`artifacts/`), and the checks of an identity bank, which the asset
`voiceprints` reports itself, because only it knows what became of each sample.
"""

from scribe_assets.checks.recording.converted_audio import check_converted_audio
from scribe_assets.checks.recording.diarization import check_diarization
from scribe_assets.checks.recording.fused_result import check_fused_result
from scribe_assets.checks.recording.speaker_identities import identities_are_clear
from scribe_assets.checks.recording.transcript import check_transcript

CHECKS = [
    check_converted_audio,
    check_diarization,
    identities_are_clear,
    check_transcript,
    check_fused_result,
]
