"""What people write and Scribe reads: the uploads, the identity bank and the corrections."""

from dagster import AssetSpec

from scribe_assets.partitions import recordings, users

uploads = AssetSpec(
    "uploads",
    description="Audio and video in the uploads bucket, one recording an object.",
    partitions_def=recordings,
    group_name="recording",
    kinds={"s3"},
)
identity_bank = AssetSpec(
    "identity_bank",
    description="Enrolled people: a folder with a profile and voice samples for each.",
    partitions_def=users,
    group_name="recording",
    kinds={"s3"},
)
corrections = AssetSpec(
    "corrections",
    description="What people have put right of a recording: names, speakers, words, the language.",
    partitions_def=recordings,
    group_name="recording",
    kinds={"s3"},
)
