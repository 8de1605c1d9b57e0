"""A result in one file, with the sound in it."""

from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from scribe_assets.artifacts.documents import Recording, Result
from scribe_assets.cli import app
from scribe_assets.errors import UsageError, VersionError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.sharing import page_with_sound
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.media.smaller import make_smaller
from scribe_assets.storage.layout import AUDIO, processed_key
from scribe_assets.storage.recordings import read_document, write_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import digest
from scribe_assets_tests.media import note, notes
from scribe_assets_tests.pages import NEAR, SECONDS, Opener, talk, words_of
from scribe_assets_tests.people import processed, unit

KEY = "anne/a.wav"


@pytest.fixture
def ref(embedded_storage: S3Storage, sound: Path) -> RecordingRef:
    """A recording with sound and words."""
    ref = processed(embedded_storage, KEY, {"S0": unit(1, 0)})
    recording = read_document(embedded_storage, ref, Recording)
    result = read_document(embedded_storage, ref, Result)
    heard = {"audio_sha256": digest(sound), "duration": float(SECONDS)}
    said = {"segments": talk().segments, "speakers": talk().speakers, "duration": float(SECONDS)}
    key = processed_key(ref, AUDIO)
    embedded_storage.upload(sound, embedded_storage.processed_bucket, key, "audio/flac")
    write_document(embedded_storage, ref, recording.model_copy(update=heard))
    write_document(embedded_storage, ref, result.model_copy(update=said))
    return ref


def test_a_page_with_its_sound_needs_no_other_file(ref: RecordingRef, open_page: Opener) -> None:
    assert ref.user_id == "anne"
    answer = CliRunner().invoke(app, ["show", KEY, "--format", "html", "--audio"])
    assert answer.exit_code == 0, answer.output
    opened = open_page(answer.stdout)
    for number in (3, 40, 70):
        opened.page.locator("p[data-first] > span").nth(number).click()
        assert abs(opened.time() - words_of(talk())[number].start) < NEAR
    assert {url[:5] for url in opened.requests} <= {"file:", "data:"}
    assert not [url for url in opened.requests if url.endswith(".flac")]
    assert opened.told == []


def test_smaller_sound_has_the_same_timeline(tmp_path: Path) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "a.mp3"
    soundfile.write(source, [*[0.0] * 48_000, *note(400, 2), *[0.0] * 16_000], 16_000)
    make_smaller(source, target, 32_000)
    ((_, start, end),) = notes(decode(target), any_frequency=True)
    assert abs(start - 3) <= 0.05
    assert abs(end - 5) <= 0.1


def test_sound_of_another_version_is_not_shared(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    key = processed_key(ref, AUDIO)
    embedded_storage.write(embedded_storage.processed_bucket, key, b"other", "audio/flac")
    with pytest.raises(VersionError, match="materialise converted_audio"):
        page_with_sound(embedded_storage, ref)


def test_ten_hours_are_too_much_for_one_file(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    recording = read_document(embedded_storage, ref, Recording)
    write_document(embedded_storage, ref, recording.model_copy(update={"duration": 36_000.0}))
    with pytest.raises(UsageError, match=r"10:00:00 long.*audio\.flac in one folder"):
        page_with_sound(embedded_storage, ref, KEY)


def test_only_the_page_can_have_sound_in_it() -> None:
    answer = CliRunner().invoke(app, ["show", KEY, "--format", "srt", "--audio"])
    assert isinstance(answer.exception, UsageError)
