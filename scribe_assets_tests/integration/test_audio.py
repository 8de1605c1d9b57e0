"""Conversion with the real ffmpeg."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from scribe_assets.errors import MediaError
from scribe_assets.speech import conversion, media
from scribe_assets.speech.media.probing import probe
from scribe_assets_tests.media import make_video, shared_data, silence


def convert(source: Path, folder: Path) -> np.ndarray:
    target = folder / "audio.flac"
    conversion.convert(source, target)
    info = soundfile.info(str(target))
    assert (info.samplerate, info.channels, info.format) == (16_000, 1, "FLAC")
    return media.load(target)


def test_channels_are_mixed_down(tmp_path: Path) -> None:
    rate = 44_100
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate) * 0.5
    soundfile.write(tmp_path / "a.wav", np.stack([tone, np.zeros(rate)], axis=1), rate)
    mono = convert(tmp_path / "a.wav", tmp_path)
    assert len(mono) == 16_000
    assert np.abs(mono).max() == pytest.approx(0.25, abs=0.02)


def test_video_gives_its_audio(tmp_path: Path, sample_recording: Path) -> None:
    video = make_video(tmp_path / "a.mp4", sample_recording)
    info = probe(video)
    assert info.video_codec == "h264"
    assert info.audio_codec == "aac"
    assert len(convert(video, tmp_path)) == pytest.approx(30 * 16_000, abs=2_000)


def test_silence_is_audio(tmp_path: Path) -> None:
    assert not convert(silence(tmp_path / "a.wav", seconds=2), tmp_path).any()


def test_progress_reaches_the_end(tmp_path: Path, sample_recording: Path) -> None:
    seen: list[float] = []
    conversion.convert(sample_recording, tmp_path / "audio.flac", progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1, abs=0.05)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    refused(tmp_path / "a.wav", tmp_path, "empty")


def test_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("this is no sound\n" * 100)
    refused(tmp_path / "a.wav", tmp_path, "not audio or video")


def test_a_video_without_sound(tmp_path: Path) -> None:
    refused(make_video(tmp_path / "a.mp4", None), tmp_path, "no audio track, only video")


def test_a_playlist_cannot_make_us_read_other_files(tmp_path: Path, sample_recording: Path) -> None:
    playlist = tmp_path / "a.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\n"
        f"file://{sample_recording}\n#EXT-X-ENDLIST\n"
    )
    refused(playlist, tmp_path, "playlist|not audio or video")


def test_a_recording_cut_short_in_its_header(tmp_path: Path, sample_recording: Path) -> None:
    (tmp_path / "a.wav").write_bytes(sample_recording.read_bytes()[:30])
    refused(tmp_path / "a.wav", tmp_path, "not audio or video|cannot decode")


def refused(source: Path, folder: Path, why: str) -> None:
    target = folder / "audio.flac"
    with pytest.raises(MediaError, match=why) as caught:
        conversion.convert(source, target)
    assert not target.exists()
    assert str(folder) not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_packaged_ffmpeg_is_used_beside_another_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "ffmpeg"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(media.ffmpeg_binary()) != other
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(other))
    assert Path(media.ffmpeg_binary()) == other


def test_every_common_format_is_decoded(tmp_path: Path) -> None:
    for file in sorted((shared_data() / "media" / "formats").iterdir()):
        assert conversion.convert(file, tmp_path / "audio.flac").duration > 0, file.name


def test_odd_files_are_decoded_if_there_is_a_sample_in_them(tmp_path: Path) -> None:
    without = set()
    for file in sorted((shared_data() / "media" / "odd").iterdir()):
        try:
            assert conversion.convert(file, tmp_path / "audio.flac").duration > 0, file.name
        except MediaError as error:
            assert "not one sample" in str(error) or "cannot decode" in str(error), file.name
            without.add(file.name)
    # Headers without audio, or cut off before it: ffmpeg reads them and finds nothing to decode.
    assert without == {
        "alac_file.m4a",
        "detect_aiff.x",
        "no_audio.aiff",
        "no_audio_data_compressed.wav",
        "test.aiff",
        "test2.wma",
    }


def test_everything_that_cannot_be_decoded_is_refused(tmp_path: Path) -> None:
    for file in sorted((shared_data() / "media" / "bad").iterdir()):
        with pytest.raises(MediaError) as caught:
            conversion.convert(file, tmp_path / "audio.flac")
        assert str(file) not in str(caught.value)
        assert not (tmp_path / "audio.flac").exists()
