"""The JSON Schemas of all documents: `python -m scribe_assets.artifacts.schemas docs/schemas`."""

import json
import sys
from pathlib import Path

from scribe_assets.artifacts.documents import DOCUMENTS


def schemas() -> dict[str, str]:
    """File name and text of each schema (JSON Schema 2020-12)."""
    return {
        f"{name}.schema.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **document.model_json_schema(mode="serialization"),
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
        for name, document in DOCUMENTS.items()
    }


def write(folder: Path) -> None:
    """Write all schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
