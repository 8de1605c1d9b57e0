"""How sure the pipeline has to be before it names a speaker, as a resource."""

from dagster import ConfigurableResource

from scribe_assets.settings import Settings
from scribe_assets.speech.voices.identification import THRESHOLD


class Identification(ConfigurableResource):
    """What the decision who a speaker is depends on, besides the voices.

    `threshold` is a cosine similarity, above 0 and up to 1; see `identify`.
    """

    threshold: float

    @classmethod
    def from_settings(cls, settings: Settings) -> "Identification":
        """The threshold of an installation; where none is set, the measured one."""
        chosen = settings.identity_threshold
        return cls(threshold=THRESHOLD if chosen is None else chosen)
