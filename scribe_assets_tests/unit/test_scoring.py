"""How word errors are counted, turn by turn; and that a constant is really another one."""

from pathlib import Path

from benchmarks.choose import constant
from benchmarks.intervals import rate
from benchmarks.words import Spoken, scored
from scribe_assets.speech.transcription import decoding, transcribe

TALK = Spoken("talk", "English", Path(), ("THE SEA IS CALM", "SHIPS LEAVE THEIR HARBOUR"))
POEM = Spoken("poème", "French", Path(), ("mon enfant ma sœur", "songe à la douceur"), None, True)


def errors(spoken: Spoken, heard: str, kind: str | None = None) -> list[float]:
    return [unit.errors for unit in scored(spoken, heard, kind)]


def test_each_error_counts_in_the_turn_where_it_is() -> None:
    assert errors(TALK, "The sea is calm. Ships leave their harbor!") == [0, 0]
    assert errors(TALK, "the tea is calm ships leave harbour") == [1, 1]
    assert errors(TALK, "the sea is calm thank you ships leave their harbour") == [2, 0]
    assert errors(TALK, "") == [4, 4]
    assert rate(scored(TALK, "the sea is calm")).value == 50


def test_one_kind_of_error_alone() -> None:
    heard = "tonight the tea is calm ships leave harbour"
    assert errors(TALK, heard, "substitute") == [1, 0]
    assert errors(TALK, heard, "delete") == [0, 1]
    assert errors(TALK, heard, "insert") == [1, 0]


def test_what_is_told_around_a_poem_is_no_error() -> None:
    heard = (
        "L'invitation au voyage, lu pour LibriVox. Mon enfant, ma sœur, songe à la couleur. Fin."
    )
    assert errors(POEM, heard) == [0, 1]


def test_a_constant_is_another_one_wherever_it_is_used() -> None:
    before = decoding.BLOCK_SECONDS
    with constant("scribe_assets.speech.transcription.decoding:BLOCK_SECONDS", 28.0):
        assert decoding.BLOCK_SECONDS == 28
        assert vars(transcribe)["BLOCK_SECONDS"] == 28
    assert decoding.BLOCK_SECONDS == vars(transcribe)["BLOCK_SECONDS"] == before
