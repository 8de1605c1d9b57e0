"""What the checks of a recording have in common. Those of an asset are one step: they read the same
documents, and a step costs more than they do."""

from typing import Any

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec

from scribe_assets.partitions import recordings


def checks_of(asset: str, *others: str, **descriptions: str) -> list[AssetCheckSpec]:
    """The checks of an asset, by name with what holds where they pass.

    Args:
        asset: its name.
        others: assets that are compared with it.
        descriptions: by the name of each check.
    """
    return [
        AssetCheckSpec(
            name,
            asset=asset,
            additional_deps=others,
            description=description,
            partitions_def=recordings,
        )
        for name, description in descriptions.items()
    ]


def warning(name: str, passed: bool, **metadata: Any) -> AssetCheckResult:
    """What a check has found that does not make a result wrong, but is to be known."""
    return AssetCheckResult(
        check_name=name, passed=passed, severity=AssetCheckSeverity.WARN, metadata=metadata
    )
