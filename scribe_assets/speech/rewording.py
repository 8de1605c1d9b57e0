"""Words that a person has written in the place of words that were heard."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from scribe_assets.speech.timeline import SpokenWord, TimeSpan


def nearest(words: Sequence[TimeSpan], word: TimeSpan) -> int:
    """Which of some words is nearest to the middle of another one, by its index."""
    middle = (word.start + word.end) / 2
    return min(range(len(words)), key=lambda at: words[at].distance(middle))


def replaced(words: Sequence[SpokenWord], texts: Sequence[str]) -> list[SpokenWord]:
    """Words with other texts: those that stay keep all they have, others share the time of those
    that they take the place of."""
    words_after: list[SpokenWord] = []
    for old, new in blocks(words, texts):
        if [word.word for word in old] == new:
            words_after.extend(old)
        else:
            words_after.extend(_spread(old, new))
    return words_after


def blocks(
    words: Sequence[SpokenWord], texts: Sequence[str]
) -> list[tuple[list[SpokenWord], list[str]]]:
    """Words and the texts that take their place, neither of them empty: what was left out, or left
    over, goes with the word before it, or with the one after it."""
    pairs: list[tuple[list[SpokenWord], list[str]]] = []
    matcher = SequenceMatcher(None, [word.word for word in words], list(texts), autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            pairs += [([words[i + n]], [texts[k + n]]) for n in range(j - i)]
        else:
            pairs.append((list(words[i:j]), list(texts[k:m])))
    whole: list[tuple[list[SpokenWord], list[str]]] = []
    for old, new in pairs:
        if whole and not (old and new and all(whole[-1])):
            whole[-1] = (whole[-1][0] + old, whole[-1][1] + new)
        else:
            whole.append((old, new))
    return whole


def _spread(old: Sequence[SpokenWord], texts: list[str]) -> list[SpokenWord]:
    """New words in the time of old ones, by their length in letters. Milliseconds are whole, and
    every word has one; where there are too few of them, the texts are one word."""
    start, end = old[0].start, max(word.end for word in old)
    if (end - start) * 1000 < 2 * len(texts):
        texts = [" ".join(texts)]
    total, at, edges = sum(len(text) for text in texts), 0, [start]
    for number, text in enumerate(texts, start=1):
        at += len(text)
        # No two edges are the same, however short a word is beside the others.
        low, high = edges[-1] + 0.001, end - 0.001 * (len(texts) - number)
        edges.append(round(min(max(start + (end - start) * at / total, low), high), 3))
    edges[-1] = end
    spread = []
    for text, first, last in zip(texts, edges, edges[1:], strict=False):
        word = SpokenWord(first, last, text, 1.0, None, overlap=False, by_hand=True)
        like = old[nearest(old, word)]
        spread.append(replace(word, speaker=like.speaker, overlap=like.overlap))
    return spread
