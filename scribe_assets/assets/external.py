"""What people write and Scribe reads: the uploads and the identity bank."""

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
