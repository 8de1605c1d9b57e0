"""The benchmark of a GPU runs where only the libraries of the models are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.recordings import edits, plain_words, recordings

ROOT = Path(__file__).parents[2]
ALONE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"dagster", "boto3", "botocore", "pydantic", "typer"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
sys.argv = ["gpu"]
from benchmarks.gpu import main
main()
"""


def test_without_a_gpu_it_says_so_and_needs_neither_dagster_nor_s3() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE],
        cwd=ROOT,
        env={"PATH": "", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "torch finds no GPU" in done.stdout


@pytest.mark.parametrize(
    ("heard", "wrong"),
    [
        ("we saw two cats", 0),
        ("we saw cats", 1),
        ("so we saw the two cats", 2),
        ("we see too cats", 2),
        ("", 4),
    ],
)
def test_edits_between_texts(heard: str, wrong: int) -> None:
    assert edits(plain_words("We saw two cats."), plain_words(heard)) == wrong


def test_a_folder_is_read_with_its_references(tmp_path: Path, sample_recording: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    with pytest.raises(SystemExit, match="no audio files"):
        recordings(folder)
    (folder / "call.wav").write_bytes(sample_recording.read_bytes())
    (folder / "call.rttm").write_text("SPEAKER call 1 1.5 2.0 <NA> <NA> anne <NA> <NA>\n")
    (folder / "call.txt").write_text("Hello, there!")
    (found,) = recordings(folder)
    assert found.name == "call"
    assert 29 < found.seconds < 31
    assert found.turns is not None
    assert [(turn.start, turn.end, turn.speaker) for turn in found.turns] == [(1.5, 3.5, "anne")]
    assert found.words == ["hello", "there"]
    (sample,) = recordings(None)
    assert sample.turns
    assert sample.words is None
