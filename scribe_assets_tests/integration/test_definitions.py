"""Definitions use the settings that they were built with, whatever the environment says."""

import os
from pathlib import Path

import pytest
from dagster import DagsterInstance

from scribe_assets.artifacts.documents import SpeakerIdentities
from scribe_assets.definitions import build_definitions
from scribe_assets.settings import Settings
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.people import enrol_voices, processed, unit

ANNE = unit(1, 0, 0)
LIKE_ANNE = unit(1, 1, 0)
"""A voice with a cosine similarity of 0.71 to Anne's."""


@pytest.fixture
def both_settings(
    embedded_home: Path, moto_endpoint: str, tmp_path: Path
) -> tuple[Settings, Settings]:
    """Two installations: other servers, other credentials, other buckets, other thresholds."""
    tail = os.urandom(4).hex()
    embedded = Settings(
        home=embedded_home,
        uploads_bucket=f"up-{tail}",
        processed_bucket=f"done-{tail}",
        identity_bucket=f"bank-{tail}",
        identity_threshold=0.6,
    )
    moto = Settings(
        home=tmp_path,
        minio_endpoint=moto_endpoint,
        minio_access_key="test",
        minio_secret_key="test",
        identity_threshold=0.8,
    )
    return embedded, moto


def test_two_definitions_in_one_process_use_their_own_settings(
    both_settings: tuple[Settings, Settings], instance: DagsterInstance
) -> None:
    instance.add_dynamic_partitions("users", ["anne"])
    decided = []
    for settings in both_settings:
        storage = S3Storage.from_settings(settings)
        storage.ensure_buckets()
        ref = processed(storage, "anne/a.wav", {"S0": LIKE_ANNE})
        enrol_voices(storage, "anne", {"anne": ANNE})
        definitions = build_definitions(settings)
        run = definitions.resolve_job_def("refresh_people").execute_in_process(
            instance=instance, partition_key="anne"
        )
        assert run.success
        identities = read_document(storage, ref, SpeakerIdentities)
        decided.append((identities.threshold, identities.identities[0].person_id))
        for bucket in (storage.uploads_bucket, storage.processed_bucket, storage.identity_bucket):
            for item in storage.objects(bucket):
                storage.delete(bucket, item.key)
            storage.get_client().delete_bucket(Bucket=bucket)
    assert decided == [(0.6, "anne"), (0.8, None)]
