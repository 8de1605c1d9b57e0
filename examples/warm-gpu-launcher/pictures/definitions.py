"""Two assets by picture: one beside the device, and one on it."""

import os
from zlib import crc32

import numpy as np
from dagster import (
    AssetExecutionContext,
    Definitions,
    Output,
    StaticPartitionsDefinition,
    asset,
    define_asset_job,
)

from pictures.classifier import SIZE, Classifier, Picture, classifier, draw
from scribe_assets.launcher import ON_DEVICE, device_executor, using_device

names = StaticPartitionsDefinition(
    [f"{shape}-{number}" for shape in Classifier.SHAPES for number in (1, 2)]
)


@asset(partitions_def=names)
def picture(context: AssetExecutionContext) -> Picture:
    """A noisy picture. This runs beside the device, for several pictures at a time."""
    noise = np.random.default_rng(crc32(context.partition_key.encode()))
    clean = draw(context.partition_key.partition("-")[0])
    return clean + noise.normal(scale=0.5, size=(SIZE, SIZE)).astype(np.float32)


@asset(partitions_def=names, op_tags=ON_DEVICE)
def shape(picture: Picture) -> Output[str]:
    """What the picture shows. This runs on the device, which it has to itself."""
    with using_device() as device:
        model = classifier(device)
        found = model.classify(picture)
    return Output(
        found,
        metadata={
            "shape": found,
            "device": device,
            "process": os.getpid(),
            "loaded": Classifier.loaded,
        },
    )


recognise = define_asset_job("recognise", selection=[picture, shape], partitions_def=names)

defs = Definitions(assets=[picture, shape], jobs=[recognise], executor=device_executor)
