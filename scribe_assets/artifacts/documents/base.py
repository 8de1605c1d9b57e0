"""What all documents have in common."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from scribe_assets.errors import DocumentError


class Document(BaseModel):
    """A JSON document in S3, or a part of one; `file_name` is how its file is called."""

    file_name: ClassVar[str] = ""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_json(cls, text: str | bytes, name: str) -> Self:
        """Parse and check a document.

        Args:
            text: the JSON.
            name: what to call it in an error, such as its key.

        Raises:
            DocumentError: in one line, what is wrong and where.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            raise DocumentError(
                f"{name} is not as expected: {where + ': ' if where else ''}{reason}"
            ) from error

    def to_json(self) -> str:
        """The document as it is written."""
        return self.model_dump_json(indent=1)
