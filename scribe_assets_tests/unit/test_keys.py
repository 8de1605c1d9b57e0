"""The codec between upload keys, recording ids and partition keys."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scribe_assets.keys import RecordingRef

# S3 keys: any Unicode but lone surrogates, at most 1024 bytes.
keys = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("/. ~%,[]+&…é"), min_size=1
).filter(lambda key: len(key.encode()) <= 1024)
long_keys = st.text(st.sampled_from("abcé/. "), min_size=200, max_size=500)


@given(keys | long_keys)
def test_a_recording_id_is_safe_everywhere(key: str) -> None:
    ref = RecordingRef.from_upload_key(key)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,96}", ref.recording_id)


@given(keys, keys)
def test_two_uploads_never_share_a_recording(first: str, second: str) -> None:
    assume(first != second)
    assert RecordingRef.from_upload_key(first) != RecordingRef.from_upload_key(second)


@given(keys | long_keys)
def test_a_partition_key_leads_back(key: str) -> None:
    ref = RecordingRef.from_upload_key(key)
    assert RecordingRef.from_partition_key(ref.partition_key) == ref


@given(keys | long_keys)
def test_a_partition_key_means_nothing_to_dagster(key: str) -> None:
    partition_key = RecordingRef.from_upload_key(key).partition_key
    assert re.fullmatch(r"[A-Za-z0-9_~.-]+", partition_key)
    assert ".." not in partition_key


@pytest.mark.parametrize(
    ("key", "partition_key"),
    [
        ("meeting.mp4", "default.meeting-mp4-2eljctv5677xsqjq"),
        ("default/meeting.mp4", "default.meeting-mp4-7n7krzbefn4lziwr"),
        ("/a.wav", "default.a-wav-thyghnkjds7qsavn"),
        ("anne/2026/Réunion du 3 été.wav", "anne.2026-Reunion-du-3-ete-wav-mqtdrazkq577ztuh"),
        ("équipe son/a.wav", "~C3~A9quipe~20son.a-wav-ggpipprnzqto563f"),
        ("anne/会議", "anne.recording-ofxj2rp2yl3eqmw5"),
        ("b.n/~a%.wav", "b~2En.a-wav-rizdd3arvpn2ovuz"),
        ("anne/" + "long-" * 40 + ".wav", "anne." + "long-" * 15 + "wav-qu2j2oqcbgp2h6js"),
    ],
)
def test_keys_stay_what_they_were(key: str, partition_key: str) -> None:
    """Folders in S3 and partitions in Dagster are called so: another id would lose them."""
    assert RecordingRef.from_upload_key(key).partition_key == partition_key


@pytest.mark.parametrize(
    ("key", "user", "begins"),
    [
        ("meeting.mp4", "default", "meeting-mp4-"),
        ("default/meeting.mp4", "default", "meeting-mp4-"),
        ("anne/2026/Réunion du 3 été.wav", "anne", "2026-Reunion-du-3-ete-wav-"),
        ("équipe son/a.wav", "équipe son", "a-wav-"),
        ("/a.wav", "default", "a-wav-"),
        ("anne/会議.wav", "anne", "wav-"),
        ("anne/会議", "anne", "recording-"),
    ],
)
def test_ids_are_readable(key: str, user: str, begins: str) -> None:
    ref = RecordingRef.from_upload_key(key)
    assert ref.user_id == user
    assert ref.recording_id.startswith(begins)


def test_with_and_without_folder_are_two_recordings() -> None:
    assert RecordingRef.from_upload_key("a.wav") != RecordingRef.from_upload_key("default/a.wav")


@pytest.mark.parametrize("key", ["", "default", ".abc", "default.", "a/b.c", "a~2eb.c"])
def test_foreign_partition_keys_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a recording's partition key"):
        RecordingRef.from_partition_key(key)
