"""Diarization in one pass, with the real models."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scribe_assets.local.demo import VOICES, sample
from scribe_assets.speech.compute import unshared_operators
from scribe_assets.speech.conversion import convert, decode
from scribe_assets.speech.diarization.embedding import EmbeddedStretch, StretchEmbedder
from scribe_assets.speech.diarization.pipelines import default_diarizer, diarize, one_pass
from scribe_assets.speech.diarization.stretches import Grid
from scribe_assets.speech.diarization.turns import TurnDiarization
from scribe_assets.speech.diarization.voice_change import WatchedForChange
from scribe_assets.speech.engine.weights import CAMPPLUS, SEGMENTATION
from scribe_assets.speech.media import SAMPLE_RATE, AudioFile
from scribe_assets.speech.progress import part_of
from scribe_assets.speech.timeline import Span, Timeline, Turn
from scribe_assets.speech.voices.embedding import load_campplus

if TYPE_CHECKING:
    from pyannote.audio.pipelines import SpeakerDiarization

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def diarizer() -> TurnDiarization:
    return default_diarizer(SEGMENTATION.find(), load_campplus(CAMPPLUS.find()))


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    return decode(sample())


def error_rate(reference: list[Turn], found: list[Turn]) -> float:
    """DER without collar, overlap scored."""
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    made = []
    for turns in (reference, found):
        annotation = Annotation()
        for number, turn in enumerate(turns):
            annotation[Segment(turn.start, turn.end), number] = turn.speaker
        made.append(annotation)
    return float(DiarizationErrorRate(collar=0.0, skip_overlap=False)(*made))


def rttm(file: Path) -> list[Turn]:
    fields = [line.split() for line in file.read_text().splitlines()]
    return [Turn(float(f[3]), float(f[3]) + float(f[4]), f[7]) for f in fields]


def test_the_sample_call(diarizer: TurnDiarization, waveform: np.ndarray) -> None:
    timeline = diarize(diarizer, waveform)
    assert timeline.speakers == ["SPEAKER_00", "SPEAKER_01"]
    assert error_rate(rttm(sample().with_suffix(".rttm")), timeline.turns) < 0.15
    ends = [turn.end for turn in timeline.exclusive]
    starts = [turn.start for turn in timeline.exclusive]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


def test_read_from_a_file_it_is_the_same(
    diarizer: TurnDiarization, waveform: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "0")
    file = tmp_path / "audio.flac"
    convert(sample(), file)
    with AudioFile(file) as opened:
        assert diarize(diarizer, opened) == diarize(diarizer, waveform)


def test_progress_reaches_the_end(diarizer: TurnDiarization, waveform: np.ndarray) -> None:
    seen: list[float] = []
    diarize(diarizer, waveform, progress=seen.append)
    assert seen == sorted(seen)
    assert min(seen) < 0.5 < max(seen) == 1


def test_silence_and_hardly_any_sound(diarizer: TurnDiarization, waveform: np.ndarray) -> None:
    assert diarize(diarizer, np.zeros(5 * SAMPLE_RATE, np.float32)) == Timeline([], [])
    assert diarize(diarizer, np.zeros(10, np.float32)) == Timeline([], [])
    short = diarize(diarizer, waveform[7 * SAMPLE_RATE : 9 * SAMPLE_RATE])
    assert all(turn.end <= 2 for turn in short.turns)


@pytest.mark.parametrize(
    ("options", "number"), [({"num_speakers": 1}, 1), ({"max_speakers": 1}, 1)]
)
def test_the_number_of_speakers_can_be_given(
    diarizer: TurnDiarization, waveform: np.ndarray, options: dict[str, Any], number: int
) -> None:
    assert len(diarize(diarizer, waveform, **options).speakers) == number


def test_a_change_of_voice_without_a_pause_is_noticed(waveform: np.ndarray) -> None:
    """The embeddings show it, where segmentation takes two voices for one."""
    embedder = StretchEmbedder(WatchedForChange(load_campplus(CAMPPLUS.find()), change=0.5), 32)
    parts = [
        waveform[int(start * SAMPLE_RATE) : int((start + 3) * SAMPLE_RATE)]
        for start in (VOICES[name][0].start for name in VOICES)
    ]
    grid = Grid(step=0.016875, first=0.0, hop=2.0, num_frames=589)

    def embedded(sound: np.ndarray) -> list[EmbeddedStretch]:
        whole = Span(0, round(len(sound) / SAMPLE_RATE / grid.step))
        return embedder.embed(sound, grid, [whole], part_of(None, 0.0, 1.0))

    first, second = embedded(np.concatenate(parts))
    assert first.frames.end == second.frames.start
    assert abs(grid.seconds(first.frames.end) - 3) < 0.5
    assert len(embedded(parts[0])) == 1


def stock(clustering: str, plda: Any, embedding: Any) -> "SpeakerDiarization":
    from pyannote.audio.pipelines import SpeakerDiarization
    from pyannote.audio.pipelines.utils import get_model

    made = SpeakerDiarization(
        segmentation=get_model(str(SEGMENTATION.find())),
        embedding=embedding,
        plda=plda,
        clustering=clustering,
        segmentation_batch_size=8,
        embedding_batch_size=8,
    )
    parameters = {
        "AgglomerativeClustering": {"method": "centroid", "min_cluster_size": 12, "threshold": 0.7},
        "VBxClustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8},
    }
    made.instantiate(
        {"segmentation": {"min_duration_off": 0.0}, "clustering": parameters[clustering]}
    )
    return made


@pytest.fixture
def plda(tmp_path: Path) -> Any:
    """A PLDA model that leaves the embeddings as they are, for VBx."""
    from pyannote.audio.core.plda import PLDA

    np.savez(
        tmp_path / "xvec_transform.npz",
        mean1=np.zeros(192),
        mean2=np.zeros(128),
        lda=np.eye(192, 128),
    )
    np.savez(tmp_path / "plda.npz", mu=np.zeros(128), tr=np.eye(128), psi=np.linspace(5, 1, 128))
    return PLDA(tmp_path / "xvec_transform.npz", tmp_path / "plda.npz")


@pytest.mark.parametrize("clustering", ["AgglomerativeClustering", "VBxClustering"])
def test_pyannotes_own_clustering_gives_nearly_the_same(
    waveform: np.ndarray, plda: Any, clustering: str
) -> None:
    import torch

    from scribe_assets.speech.diarization.pyannote_pipeline import PyannoteDiarization

    slow = PyannoteDiarization(stock(clustering, plda, load_campplus(CAMPPLUS.find())))
    fast = one_pass(slow.pipeline)
    parameters = [made.pipeline.parameters(instantiated=True) for made in (slow, fast)]
    assert parameters[0] == parameters[1]
    with unshared_operators(torch.device("cpu")):  # as all of ours
        expected = diarize(slow, waveform)
    found = diarize(fast, waveform)
    assert error_rate(expected.turns, found.turns) < 0.08


def test_pyannotes_resnet_is_embedded_in_one_pass(waveform: np.ndarray, plda: Any) -> None:
    from pyannote.audio.models.embedding.wespeaker import WeSpeakerResNet34

    fast = one_pass(stock("AgglomerativeClustering", plda, WeSpeakerResNet34().eval())).pipeline
    with_file = {"audio": "", "waveform": _tensor(waveform), "sample_rate": SAMPLE_RATE}
    windows = fast.get_segmentations(with_file)
    embeddings = fast.get_embeddings(with_file, windows)
    assert embeddings.shape == (*windows.data.shape[::2], 256)
    silent = ~windows.data.any(axis=1)
    assert np.isnan(embeddings[silent]).all()
    assert np.isfinite(embeddings).all(axis=2).sum() > 20


def _tensor(waveform: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(waveform)[None]
