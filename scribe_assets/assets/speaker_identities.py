"""Which of the speakers is whom, by the identity bank."""

from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, MetadataValue, Output, ResourceParam, asset

from scribe_assets.artifacts.documents import Diarization, SpeakerIdentities
from scribe_assets.artifacts.formats.md import escape
from scribe_assets.assets.stage import Stage, stage
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.launcher.executor import ON_DEVICE
from scribe_assets.partitions import recordings
from scribe_assets.speech.audio import MediaError
from scribe_assets.speech.diarization import Timeline
from scribe_assets.speech.identification import (
    THRESHOLD,
    Voiceprint,
    identify,
    speaker_embeddings,
    voiceprint,
)
from scribe_assets.speech.models import ModelRegistry
from scribe_assets.storage.bank import fetch_sample, people
from scribe_assets.storage.recordings import ConvertedAudio
from scribe_assets.storage.s3 import S3Storage

if TYPE_CHECKING:
    from pyannote.audio import Model


@asset(
    partitions_def=recordings,
    deps=["identity_bank"],
    io_manager_key="document_io_manager",
    retry_policy=PASSING_FAULTS,
    op_tags={**ON_DEVICE, "dagster/priority": "2"},
    group_name="recording",
    kinds={"wespeaker", "s3"},
)
def speaker_identities(
    context: AssetExecutionContext,
    storage: S3Storage,
    models: ResourceParam[ModelRegistry],
    converted_audio: ConvertedAudio,
    diarization: Diarization,
) -> Output[SpeakerIdentities]:
    """For each label the person, or why there is none."""
    recording = converted_audio.recording
    with stage(context, storage, recording.source, recording.options.job_id) as running:
        timeline = Timeline(diarization.turns, diarization.exclusive)
        waveform = converted_audio.waveform()
        with models.embedder() as model:
            voiceprints = enrolled(running, storage, model) if timeline.turns else []
            voices = speaker_embeddings(model, waveform, timeline)
        identities = identify(voices, voiceprints)
        rows = "".join(
            f"| {i.label} | {escape(i.name or '')} | {escape(i.reason)} |\n" for i in identities
        )
        return Output(
            SpeakerIdentities(
                recording_id=recording.recording_id,
                model=models.names["embedding"],
                threshold=THRESHOLD,
                enrolled=[person.person_id for person in voiceprints],
                identities=identities,
            ),
            metadata={
                "identified": sum(identity.person_id is not None for identity in identities),
                "speakers": len(identities),
                "enrolled": len(voiceprints),
                **models.facts("embedding"),
                "preview": MetadataValue.md(f"| label | person | why |\n|---|---|---|\n{rows}"),
                **running.speed(recording.duration),
            },
        )


def enrolled(running: Stage, storage: S3Storage, model: "Model") -> list[Voiceprint]:
    """The voiceprints of the recording's user. A bad sample is named in the log, and costs nobody
    else."""
    found = []
    for person in people(storage, running.ref.user_id):
        if person.problem:
            running.context.log.warning(f"{person.problem}; the name is {person.person_id}")
        samples = []
        for sample in person.samples:
            try:
                samples.append(fetch_sample(storage, sample))
            except MediaError as error:
                running.context.log.warning(f"voice sample {sample.uri} is not used: {error}")
        print_ = voiceprint(model, person.person_id, person.name, samples)
        if print_ is None:
            running.context.log.warning(
                f"{person.person_id} cannot be recognised: no usable voice sample with speech"
            )
        else:
            found.append(print_)
    return found
