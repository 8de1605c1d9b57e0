"""The code version of each asset: what an artifact depends on besides the upload and the people.

Dagster compares the version that an artifact was made with and the one of now, and says that it is
stale where they differ (docs/decisions/0021-versions.md).

A version is readable, `converted_audio 1-9b0c61, transcript 1-5e2a07`: one part for the asset and
for every stage before it, since Dagster does not look further back than one stage. A part is the
revision of the method, counted by hand, and a digest of the models and settings.
"""

import hashlib
from collections.abc import Iterable

from scribe_assets.settings import Settings
from scribe_assets.speech.diarization.turns import TurnParameters
from scribe_assets.speech.engine.identity import (
    diarization_identity,
    embedding_identity,
    whisper_identity,
)
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.voices.identification import MARGIN, SAME_VOICE, THRESHOLD

REVISIONS = {
    "converted_audio": 1,
    "diarization": 1,
    "speaker_embeddings": 1,
    "speaker_identities": 1,
    "transcript": 1,
    "fused_result": 1,
    "voiceprints": 1,
    "reidentification": 1,
}
"""Add one where a method changes what it makes, so that what it made before shows as stale."""

INPUTS: dict[str, tuple[str, ...]] = {
    "converted_audio": ("uploads",),
    "diarization": ("converted_audio",),
    "speaker_embeddings": ("converted_audio", "diarization"),
    "speaker_identities": ("converted_audio", "speaker_embeddings"),
    "transcript": ("converted_audio",),
    "fused_result": (
        *("converted_audio", "diarization", "speaker_identities", "transcript"),
        "corrections",
    ),
    "voiceprints": ("identity_bank",),
    "reidentification": ("voiceprints",),
}
"""What each asset is made of, by which it can be stale. The people are not among it:
`reidentification` sees to their names whenever a bank changes."""

CodeVersions = dict[str, str]
"""The code version of each asset of an installation, by the asset's name."""

UNKNOWN = "?"
"""A part that nobody knows, and that so is never the one of now."""


def code_versions(settings: Settings) -> CodeVersions:
    """The code versions of an installation."""
    chosen = settings.identity_threshold
    naming = (THRESHOLD if chosen is None else chosen, MARGIN, SAME_VOICE)
    depends_on: dict[str, tuple[object, ...]] = {
        "converted_audio": (settings.tracks,),
        "diarization": (diarization_identity(settings.diarization_model), TurnParameters()),
        "speaker_embeddings": (embedding_identity(settings.embedding_model),),
        "speaker_identities": naming,
        "transcript": (
            *(whisper_identity(settings.whisper_model), settings.vocabulary),
            *settings.languages,
        ),
        "voiceprints": (embedding_identity(settings.embedding_model),),
        "reidentification": naming,
    }
    own = {
        asset: _part(revision, depends_on.get(asset, ())) for asset, revision in REVISIONS.items()
    }
    return {asset: join({name: own[name] for name in (*before(asset), asset)}) for asset in INPUTS}


def before(asset: str) -> list[str]:
    """The stages on the way to an asset.

    >>> before("speaker_identities")
    ['converted_audio', 'diarization', 'speaker_embeddings']
    """
    found: dict[str, None] = {}
    for name in INPUTS[asset]:
        if name in INPUTS:
            found |= dict.fromkeys([*before(name), name])
    return [*found]


def _part(revision: int, values: tuple[object, ...]) -> str:
    if not values:
        return str(revision)
    digest = hashlib.sha256("\0".join(map(str, values)).encode("utf-8", "surrogatepass"))
    return f"{revision}-{digest.hexdigest()[:8]}"


def join(parts: dict[str, str]) -> str:
    """A version of its parts, by the asset that each is of.

    >>> join({"converted_audio": "1", "transcript": "1-5e2a07b1"})
    'converted_audio 1, transcript 1-5e2a07b1'
    """
    return ", ".join(f"{asset} {part}" for asset, part in parts.items())


def split(version: str) -> dict[str, str]:
    """The parts of a version; none of one that was not made by `join`.

    >>> split("converted_audio 1, transcript 1-5e2a07b1")
    {'converted_audio': '1', 'transcript': '1-5e2a07b1'}
    >>> split("3f0c9e1a-5f1b-4c53-a7ab-5d3ed3f3b0a1")
    {}
    """
    parts = [part.partition(" ") for part in version.split(", ")]
    return {asset: part for asset, space, part in parts if space}


def made_from(asset: str, own: str, versions: list[str]) -> str:
    """The version of an artifact that was made of others, which may be older than the code.

    Args:
        asset: its name.
        own: the version of the asset now, or any with the part that is the asset's own.
        versions: of the artifacts that it was made of.

    >>> made_from("diarization", "converted_audio 2, diarization 5", ["converted_audio 1"])
    'converted_audio 1, diarization 5'
    """
    known = {name: part for version in versions for name, part in split(version).items()}
    parts = {name: known.get(name, UNKNOWN) for name in before(asset)}
    return join({**parts, asset: split(own).get(asset, UNKNOWN)})


def found_version(
    asset: str, versions: CodeVersions, inputs: list[str], not_of_now: Iterable[str]
) -> str:
    """The version of an artifact of which nothing is known but what its document says.

    Args:
        asset: its name.
        versions: of now.
        inputs: the versions of what it was made of.
        not_of_now: the stages whose models, by the document, are not those of now.
    """
    parts = split(made_from(asset, versions[asset], inputs))
    return join(parts | dict.fromkeys(not_of_now, UNKNOWN))


def models_of_now(settings: Settings) -> dict[str, str]:
    """The model of each asset that has one, as its documents name it."""
    names = ModelRegistry(
        cache=settings.home,
        whisper=settings.whisper_model,
        diarization=settings.diarization_model,
        embedding=settings.embedding_model,
    ).names
    return {
        "diarization": names["diarization"],
        "speaker_embeddings": names["embedding"],
        "speaker_identities": names["embedding"],
        "transcript": names["transcription"],
        "voiceprints": names["embedding"],
    }


def with_parts_of(version: str, other: str, assets: tuple[str, ...]) -> str:
    """A version with some of its parts as another one has them; one that nobody can read stays.

    >>> with_parts_of("converted_audio 1, diarization 5", "diarization 6", ("diarization",))
    'converted_audio 1, diarization 6'
    """
    parts, others = split(version), split(other)
    return (
        join({**parts, **{name: others.get(name, UNKNOWN) for name in assets}})
        if parts
        else version
    )
