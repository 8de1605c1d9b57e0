"""Groups of channels as files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from scribe_assets.speech import media
from scribe_assets.speech.tracks import mixing
from scribe_assets.speech.tracks.channels import Channel, Group, Part
from scribe_assets.speech.tracks.mixing import mix, mix_all

LEFT, RIGHT = Channel(1, 1, 2), Channel(1, 2, 2)


def samples(values: object) -> np.ndarray:
    return np.asarray(values, np.int16).astype(np.float32) / 32768


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "BLOCK", 1000)


def test_one_channel_keeps_its_samples(tmp_path: Path) -> None:
    values = np.concatenate(
        [[-32768, 32767], np.random.default_rng(0).integers(-32768, 32768, 5000)]
    )
    mix(Group((Part(LEFT),)), {LEFT: samples(values)}, tmp_path / "one.flac")
    written, rate = soundfile.read(tmp_path / "one.flac", dtype="int16")
    assert (rate, written.tolist()) == (16_000, values.tolist())


def test_channels_are_added_by_their_factors(tmp_path: Path) -> None:
    group = Group((Part(LEFT, 0.5), Part(RIGHT, -0.5)))
    sounds = {LEFT: samples([1000] * 2500), RIGHT: samples([3000] * 1200)}
    mix(group, sounds, tmp_path / "two.flac")
    written, _ = soundfile.read(tmp_path / "two.flac", dtype="int16")
    assert written.tolist() == [-1000] * 1200 + [500] * 1300


def test_nothing_clips(tmp_path: Path) -> None:
    loud = samples([16384, 32767, -32768] * 1000)
    mix(Group((Part(LEFT), Part(RIGHT))), {LEFT: loud, RIGHT: loud}, tmp_path / "sum.flac")
    assert np.allclose(media.load(tmp_path / "sum.flac"), loud, atol=1e-4)
    mix_all([loud, loud[:1500], loud[:100] * 0], tmp_path / "all.flac")
    heard = media.load(tmp_path / "all.flac")
    assert len(heard) == 3000
    assert np.allclose(heard[:1500], loud[:1500], atol=1e-4)
    assert np.allclose(heard[1500:], loud[1500:] / 2, atol=1e-4)


def test_soft_sounds_are_added_as_they_are(tmp_path: Path) -> None:
    mix_all([samples([100] * 3000), samples([0, 30] * 1500)], tmp_path / "all.flac")
    written, _ = soundfile.read(tmp_path / "all.flac", dtype="int16")
    assert written.tolist() == [100, 130] * 1500


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    class Broken(media.AudioFile):
        def __getitem__(self, where: slice) -> np.ndarray:
            if where.start >= 2000:
                raise OSError("the disk is gone")
            return super().__getitem__(where)

    mix_all([samples([1] * 5000)], tmp_path / "source.flac")
    with pytest.raises(OSError, match="gone"), Broken(tmp_path / "source.flac") as broken:
        mix(Group((Part(LEFT),)), {LEFT: broken}, tmp_path / "target.flac")
    assert not (tmp_path / "target.flac").exists()
