"""Recordings that once lost words or a language, each in forms that sound the same.

    python -m benchmarks.variants [--cases FOLDER]

What is said in them is in the table of the folder's README. Each is heard as it is, with 16 and 24
bit, as Opus, half a decibel louder and softer, and 10 ms later.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import DATA, RESULTS, machine
from benchmarks.words import edits, normalised
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media.ffmpeg import ffmpeg_binary
from scribe_assets.speech.timeline import Transcription, Word
from scribe_assets.speech.transcription.transcribe import transcribe

FIRST = (
    "this question and answer might well go into the primer of information for those who come to "
    "san francisco from the east for what is called a lobster in san francisco is not a lobster at "
    "all but a crayfish"
)
SECOND = (
    "out of deference to liddy they washed their dishes once a day and they concocted queer messes "
    "according to their several abilities"
)

CHANT = ["we", "want", "justice"]
"""What is chanted, but for a last word that a small model mishears."""

FORMS = {
    "as it is": (),
    "16 bit": ("-c:a", "pcm_s16le"),
    "24 bit": ("-c:a", "pcm_s24le"),
    "Opus": ("-c:a", "libopus", "-b:a", "32k"),
    "+0.5 dB": ("-af", "volume=0.5dB", "-c:a", "pcm_s24le"),
    "-0.5 dB": ("-af", "volume=-0.5dB", "-c:a", "pcm_s24le"),
    "10 ms later": ("-af", "adelay=10:all=1", "-c:a", "pcm_s24le"),
}


def written(source: Path, form: str, folder: Path) -> Path:
    """The recording in another form, in Matroska, which holds all of them."""
    if not FORMS[form]:
        return source
    target = folder / f"{source.stem}.{form.replace(' ', '-')}.mka"
    command = [ffmpeg_binary(), "-v", "error", "-y", "-i", str(source), *FORMS[form]]
    subprocess.run([*command, str(target)], check=True)
    return target


def words_between(said: Transcription, start: float, end: float) -> list[Word]:
    """Those whose middle lies there."""
    words = [word for segment in said.segments for word in segment.words]
    return [word for word in words if start <= (word.start + word.end) / 2 < end]


def wrong(said: Transcription, reference: str, start: float, end: float) -> float:
    """Word error rate of a stretch of time."""
    heard = normalised(" ".join(w.word for w in words_between(said, start, end)), english=True)
    expected = normalised(reference, english=True)
    return sum(edit.words for edit in edits(expected, heard)) / len(expected)


def share_in(said: Transcription, language: str, start: float, end: float) -> float:
    """Of the time of the segments between two moments, how much is in a language."""
    inside = [one for one in said.segments if start <= (one.start + one.end) / 2 < end]
    all_of_it = sum(one.end - one.start for one in inside)
    own = sum(one.end - one.start for one in inside if one.language == language)
    return own / all_of_it if all_of_it else 0.0


def longest_gap(said: Transcription, start: float, end: float) -> float:
    """Seconds between two words at most, the edges being words as well."""
    words = words_between(said, start, end)
    edges = [start, *(edge for word in words for edge in (word.start, word.end)), end]
    return max(later - before for before, later in zip(edges[::2], edges[1::2], strict=True))


def english_turns(said: Transcription) -> bool:
    """Both, as they were read."""
    return wrong(said, FIRST, 0, 13.1) < 0.3 and wrong(said, SECOND, 13.1, 22) < 0.3


def _all_words(said: Transcription) -> list[str]:
    return normalised(" ".join(segment.text for segment in said.segments), english=True)


@dataclass(frozen=True)
class Case:
    """A recording, and whether a transcription of it is right."""

    file: str
    what: str
    is_right: Callable[[Transcription], bool]


CASES = [
    Case(
        "en-then-fr.ogg",
        "both turns in English, then French",
        lambda said: (
            english_turns(said)
            and share_in(said, "fr", 22.5, 46) > 0.9
            and longest_gap(said, 23, 45) < 4
        ),
    ),
    Case(
        "fr-then-en.ogg",
        "French from the beginning, then English",
        lambda said: (
            share_in(said, "fr", 0, 23) > 0.9
            and longest_gap(said, 0.9, 23) < 4
            and share_in(said, "en", 24.5, 46) > 0.9
        ),
    ),
    Case(
        "en-then-ja.ogg",
        "English words with spaces",
        lambda said: (
            bool(words_between(said, 0, 20))
            and max(len(word.word) for word in words_between(said, 0, 20)) < 20
        ),
    ),
    Case("quiet-second.flac", "the second turn, 12 dB softer", english_turns),
    Case("hotwords.ogg", "both turns, with 300 hot words", english_turns),
    Case(
        "chant.flac",
        "eight times the same",
        lambda said: [word for word in _all_words(said) if word in CHANT] == CHANT * 8,
    ),
    Case(
        "short.wav",
        "English or nothing",
        lambda said: not said.segments or said.language == "en",
    ),
]


def hotwords_of(file: Path) -> str | None:
    """Those of the options beside a recording, as the pipeline offers them."""
    options = file.with_name(f"{file.name}.scribe.json")
    if not options.is_file():
        return None
    return ", ".join(json.loads(options.read_text()).get("hotwords", [])) or None


def main() -> None:
    """Hear, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=Path, default=DATA.parent / "cases")
    folder = parser.parse_args().cases
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="scribe-bench-") as scratch,
        ModelRegistry(cache=Path(scratch)).transcriber() as model,
    ):
        for case in CASES:
            source = folder / case.file
            if not source.is_file():
                raise SystemExit(f"there is no {case.file} in {folder}; --cases says where it is")
            found = {}
            for form in FORMS:
                media = written(source, form, Path(scratch))
                said = transcribe(model, decode(media), hotwords=hotwords_of(source))
                found[form] = bool(case.is_right(said))
                if not found[form]:
                    print(f"  {form}: {' | '.join(one.text for one in said.segments)}", flush=True)
            rows.append({"case": case.file, "right": found})
            print(f"{case.file:20}{case.what:40}{sum(found.values())} of {len(found)}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    kept = {"machine": machine(), "rows": rows}
    (RESULTS / "variants.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
