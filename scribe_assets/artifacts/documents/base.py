"""What all documents have in common."""

from difflib import get_close_matches
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from scribe_assets.artifacts.documents.text import decoded
from scribe_assets.errors import DocumentError

MAX_REASON = 300
"""Characters of what is wrong with a document."""


class Document(BaseModel):
    """A JSON document in S3, or a part of one; `file_name` is how its file is called."""

    file_name: ClassVar[str] = ""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_json(cls, text: str | bytes, name: str) -> Self:
        """Parse and check a document.

        Args:
            text: the JSON; as bytes in UTF-8, or in what its byte order mark says.
            name: what to call it in an error, such as its key.

        Raises:
            DocumentError: in one line, what is wrong and where.
        """
        try:
            return cls.model_validate_json(decoded(text, name) if isinstance(text, bytes) else text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden":
                reason = cls._unknown(str(first["loc"][-1]))
            if len(reason) > MAX_REASON:  # it may repeat a value of any length
                reason = f"{reason[: MAX_REASON // 2]} … {reason[-MAX_REASON // 2 :]}"
            raise DocumentError(
                f"{name} is not as expected: {where + ': ' if where else ''}{reason}"
            ) from error

    @classmethod
    def _unknown(cls, field: str) -> str:
        """What to say of a field that the document does not have."""
        fields = list(cls.model_fields)
        near = get_close_matches(field.lower(), fields, n=1, cutoff=0.5)
        if near:
            return f"there is no such field; did you mean {near[0]}?"
        return f"there is no such field; there are {', '.join(fields)}"

    def to_json(self) -> str:
        """The document as it is written."""
        return self.model_dump_json(indent=1)
