"""SegLST, Segment-wise Long-form Speech Transcription: a JSON list of segments.

Keys as in the CHiME-8 DASR challenge (https://www.chimechallenge.org/challenges/chime8/task1/):
`session_id`, `start_time`, `end_time`, `speaker`, `words`. Times are numbers, in seconds.
"""

import json

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.format import Format


def render(result: Result) -> str:
    """The segments, by person id where the speaker is known, else by label."""
    segments = [
        {
            "session_id": result.recording_id,
            "start_time": segment.start,
            "end_time": segment.end,
            "speaker": result.speaker_id(segment.speaker),
            "words": segment.text,
        }
        for segment in result.segments
    ]
    return json.dumps(segments, indent=1, ensure_ascii=False) + "\n"


FORMAT = Format("seglst", Result, ".seglst.json", "application/json", render)
