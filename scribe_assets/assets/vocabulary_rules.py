"""How much of what people have corrected the transcription is told, as a resource."""

from dagster import ConfigurableResource


class VocabularyRules(ConfigurableResource):
    """`most`: how many words of a user's vocabulary are hot words; see `hot_words`."""

    most: int
