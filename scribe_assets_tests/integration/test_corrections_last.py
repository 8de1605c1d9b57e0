"""Corrections of a real recording, through the real models."""

from pathlib import Path

import pytest

from scribe_assets.library import corrections as library
from scribe_assets.library.status import Ending
from scribe_assets_tests.media import encode
from scribe_assets_tests.pipeline import Scribe, end

KEY = "default/talk.wav"


@pytest.mark.models
def test_corrections_last_where_the_sound_is_uploaded_again_in_another_codec(
    scribe: Scribe, sample_recording: Path, tmp_path: Path
) -> None:
    ref = scribe.upload(sample_recording, KEY)
    assert scribe.run(ref).success
    end(scribe, ref, Ending.SUCCEEDED)
    (sheila,) = {s.speaker for s in scribe.result(ref).segments if "I'm Sheila" in s.text}
    assert sheila is not None
    library.rename(scribe.storage, ref, sheila, "Sheila")
    library.set_text(scribe.storage, ref, "in Texas", at=14.4, words="and Texas")
    library.give(scribe.storage, ref, "Sheila", at=14, words="Jersey")
    library.set_language(scribe.storage, ref, "en")

    scribe.upload(encode(sample_recording, tmp_path / "talk.mp3", audio_bitrate="48k"), KEY)
    run = scribe.run(ref)
    assert run.success
    result = scribe.result(ref)
    assert result.corrections is not None
    assert result.corrections.unfitting == []
    assert result.corrections.applied == 4
    said = " ".join(s.text for s in result.segments if result.display_name(s.speaker) == "Sheila")
    assert "Jersey And I'm Sheila in Texas" in said.replace(".", "").replace(",", "")
    lost = [event for event in run.get_asset_check_evaluations() if not event.passed]
    assert "no_word_is_lost" not in {event.check_name for event in lost}
