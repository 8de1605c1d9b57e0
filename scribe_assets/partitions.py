"""How the assets are partitioned: by recording, and by user."""

from dagster import DynamicPartitionsDefinition

recordings = DynamicPartitionsDefinition(name="recordings")
"""One partition for each recording; its key is `RecordingRef.partition_key`."""

users = DynamicPartitionsDefinition(name="users")
"""One partition for each user with an identity bank; its key is `user_key(user_id)`."""
