"""The people of a user's identity bank, by voice."""

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)

from scribe_assets.artifacts.documents import Voiceprints
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.facts import facts
from scribe_assets.artifacts.formats.md import escape
from scribe_assets.assets.external import identity_bank
from scribe_assets.assets.stage import Progress, data_version
from scribe_assets.failures import PASSING_FAULTS, permanent_failures
from scribe_assets.keys import user_from_key
from scribe_assets.library.bank_problems import bank_problems, lines
from scribe_assets.library.voiceprints import refresh_voiceprints
from scribe_assets.partitions import users
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.storage.layout import voiceprints_key
from scribe_assets.storage.s3 import S3Storage

CHECKS = {
    "samples_are_usable": "Profiles and samples can be used, and a person's samples are one voice.",
    "voices_are_distinct": "No two people of the bank have one voice.",
    "names_are_distinct": "No two people of the bank have the same name.",
}
MAX_PROBLEMS = 50


@asset(
    partitions_def=users,
    deps=[identity_bank],
    check_specs=[
        AssetCheckSpec(name, asset="voiceprints", description=description)
        for name, description in CHECKS.items()
    ],
    retry_policy=PASSING_FAULTS,
    group_name="recording",
    kinds={"wespeaker", "s3"},
)
def voiceprints(
    context: AssetExecutionContext, storage: S3Storage, models: ResourceParam[ModelRegistry]
) -> MaterializeResult:
    """A voiceprint for each person, from all samples; only what changed is computed."""
    with permanent_failures():
        user_id = user_from_key(context.partition_key)
        progress = Progress(context)
        document, embedded = refresh_voiceprints(
            storage, user_id, models.names["embedding"], models.embedder_on_cpu, progress
        )
    problems = bank_problems(document)
    for problem in problems:
        context.log.warning(problem)
    told = dict(
        zip(CHECKS, map(lines, (problems.samples, problems.voices, problems.names)), strict=True)
    )
    return MaterializeResult(
        metadata={
            "uri": MetadataValue.url(f"s3://{storage.processed_bucket}/{voiceprints_key(user_id)}"),
            **facts(document),
            "same_person_twice": len(problems.same),
            "samples_embedded": embedded,
            "preview": MetadataValue.md(table(document)),
            "seconds": round(progress.seconds, 3),
        },
        check_results=[
            AssetCheckResult(
                check_name=name,
                passed=not some,
                severity=AssetCheckSeverity.WARN,
                metadata={
                    "problems": len(some),
                    "what": MetadataValue.md(
                        "\n".join(f"- {escape(line)}" for line in some[:MAX_PROBLEMS]) or "none"
                    ),
                },
            )
            for name, some in told.items()
        ],
        data_version=data_version(document),
    )


def table(document: Voiceprints) -> str:
    """The people as a Markdown table, at most `MAX_PROBLEMS` of them."""
    judged = document.judged()
    rows = ""
    for person in document.people[:MAX_PROBLEMS]:
        used = [person.samples[index] for index in judged[person.person_id].used]
        seconds = sum(sample.speech_seconds for sample in used)
        rows += (
            f"| {escape(one_line(person.person_id))} | {escape(one_line(person.name))} "
            f"| {len(used)} of {len(person.samples)} | {seconds:.1f} |\n"
        )
    return f"| person | name | samples used | seconds |\n|---|---|---|---|\n{rows}"
