"""An annotation file of ELAN (Max Planck Institute for Psycholinguistics, EAF 3.0): two tiers a
speaker, one with the segments and one with the words inside them.

ELAN looks for the recording beside the file, under the name that it was uploaded with, and asks
where it is if it is not there.
"""

import mimetypes
from itertools import count
from pathlib import PurePosixPath
from urllib.parse import quote
from xml.etree import ElementTree as ET

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.tracks import Interval, tracks

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
WITHIN = "Included_In"
WHAT_WITHIN = (
    "Time alignable annotations within the parent annotation's time interval, gaps are allowed"
)


def render(result: Result) -> str:
    """The file; `PARTICIPANT` is the person id where the speaker is known, else the label."""
    tiers: list[ET.Element] = []
    slots: list[tuple[int, bool, str]] = []
    numbers = count(1)

    def annotate(tier: ET.Element, interval: Interval) -> None:
        annotation = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION")
        number = next(numbers)
        start, end = f"ts{2 * number - 1}", f"ts{2 * number}"
        annotation.attrib |= {
            "ANNOTATION_ID": f"a{number}",
            "TIME_SLOT_REF1": start,
            "TIME_SLOT_REF2": end,
        }
        ET.SubElement(annotation, "ANNOTATION_VALUE").text = interval.text
        slots.extend([(interval.start, True, start), (interval.end, False, end)])

    for track in tracks(result):
        said = _tier(track.name, "segment", track.speaker)
        words = _tier(track.words_name, "word", track.speaker, parent=track.name)
        tiers += [said, words]
        for utterance in track.utterances:
            annotate(said, utterance)
            for word in utterance.words:
                annotate(words, word)
    root = _document(result, last=next(numbers) - 1)
    order = ET.SubElement(root, "TIME_ORDER")
    for time, _, slot in sorted(slots, key=lambda slot: slot[:2]):
        ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time))
    root.extend(tiers)
    _add_types(root)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _document(result: Result, last: int) -> ET.Element:
    """The root and what is said about the recording.

    Args:
        result: the result.
        last: number of the last annotation, from which ELAN counts on.
    """
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "",
            "DATE": result.source.last_modified.isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": SCHEMA,
        },
    )
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    name = PurePosixPath(result.source.key).name
    ET.SubElement(
        header,
        "MEDIA_DESCRIPTOR",
        MEDIA_URL="",
        RELATIVE_MEDIA_URL=f"./{quote(name, errors='replace')}",
        MIME_TYPE=mimetypes.guess_type(name)[0] or "unknown",
    )
    ET.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(last)
    return root


def _tier(name: str, kind: str, speaker: str, parent: str | None = None) -> ET.Element:
    tier = ET.Element("TIER", LINGUISTIC_TYPE_REF=kind, TIER_ID=name, PARTICIPANT=speaker)
    if parent:
        tier.set("PARENT_REF", parent)
    return tier


def _add_types(root: ET.Element) -> None:
    for kind in ("segment", "word"):
        element = ET.SubElement(root, "LINGUISTIC_TYPE", LINGUISTIC_TYPE_ID=kind)
        element.attrib |= {"GRAPHIC_REFERENCES": "false", "TIME_ALIGNABLE": "true"}
        if kind == "word":
            element.set("CONSTRAINTS", WITHIN)
    ET.SubElement(root, "CONSTRAINT", STEREOTYPE=WITHIN, DESCRIPTION=WHAT_WITHIN)


FORMAT = Format("eaf", Result, ".eaf", "text/x-eaf+xml; charset=utf-8", render, is_stored=False)
