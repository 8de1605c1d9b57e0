"""Results of any kind, for hypothesis: what people say, and what would break a form."""

from hypothesis import strategies as st

from scribe_assets.artifacts.documents import Result, Speaker
from scribe_assets.speech.timeline import SpokenSegment, SpokenWord
from scribe_assets.speech.words import join_words
from scribe_assets_tests.unit.results import RESULT

USUAL = ["yes.", "and", "well,", "extraordinary", "va ?", "« Très", "bien »", "12:30", "R&D", "I"]
OTHER_SCRIPTS = [
    "お",
    "はよう",
    "明日",
    "Dagster",
    "안녕",
    "שלום",
    "مرحبا",
    "नमस्ते",
    "🙂",
    "e\u0301",
]
HOSTILE = [
    *(
        "-->",
        "<i>",
        "<script>x</script>",
        "{\\an8}",
        "&amp;",
        "]]>",
        '"',
        '""',
        "=1+1",
        "\\",
        "---",
    ),
    *("a\nb", "a\r\n\r\n2\n00:00:01,000 --> 00:00:02,000", "\x00", "\x1b[31m", "\u2028", "\u202e"),
    *(
        "\ufffe",
        "\ufeff",
        "\x85",
        "item [1]:",
        "xmin = 9",
        ";; x",
        "| a |",
        "```",
        "~~~",
        "# x",
        "1.",
    ),
]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
WORDS = st.sampled_from([*USUAL, *OTHER_SCRIPTS, *HOSTILE]) | ANY_TEXT
NAMES = st.none() | st.sampled_from(["Anne", "Zoé", "Speaker 2", "דנה", *HOSTILE]) | ANY_TEXT
SECONDS = st.sampled_from([0.0, 0.001, 0.3, 2.0]) | st.floats(0, 2)


@st.composite
def results(draw: st.DrawFn) -> Result:
    """People who speak one after the other and at the same time, with names and words of any kind;
    segments in order of time, times with three decimals."""
    labels = [f"SPEAKER_{number:02d}" for number in range(3)]
    speakers = [
        Speaker(label=label, person_id=draw(NAMES), name=draw(NAMES), score=0.5, speech_seconds=1)
        for label in labels
    ]
    main = draw(st.sampled_from([None, "en", "fr", "ja", "he"]))
    segments = []
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.floats(0, 30))
        speaker = draw(st.sampled_from([*labels, None]))
        language = draw(st.sampled_from([None, "fr", "ja"]))
        words = []
        for word in draw(st.lists(WORDS, min_size=1, max_size=40)):
            start = at + draw(st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0]))
            at = start + draw(SECONDS)
            words.append(SpokenWord(round(start, 3), round(at, 3), word, 0.9, speaker, False))
        text = join_words([word.word for word in words], language or main)
        segments.append(
            SpokenSegment(words[0].start, words[-1].end, speaker, text, words, language)
        )
    segments.sort(key=lambda segment: (segment.start, segment.end))
    source = RESULT.source.model_copy(update={"key": f"anne/{draw(WORDS)}.mp4"})
    return RESULT.model_copy(
        update={
            "speakers": speakers,
            "segments": segments,
            "language": main,
            "source": source,
            "warnings": draw(st.lists(WORDS, max_size=2)),
        }
    )
