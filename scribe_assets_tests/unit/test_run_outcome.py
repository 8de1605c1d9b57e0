"""Which run's end is written into which status, and in what words."""

from dagster._utils.error import SerializableErrorInfo

from scribe_assets.sensors.run_end import sentence


def error(message: str, name: str, cause: SerializableErrorInfo | None) -> SerializableErrorInfo:
    return SerializableErrorInfo(message, [], name, cause)


def test_the_sentence_for_people_is_kept() -> None:
    deep = error("botocore.X: could not connect\n", "X", None)
    ours = error("scribe_assets.storage.s3.UnavailableError: S3 is off\n", "UnavailableError", deep)
    wrapped = error("dagster.DagsterExecutionStepExecutionError: …", "DagsterError", ours)
    assert sentence(wrapped) == "S3 is off"
