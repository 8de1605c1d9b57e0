"""Which containers are opened, decided before anything in a file is followed.

An allow-list, because a list of what is dangerous is never complete: playlists make ffmpeg open any
file of this machine or any address in its network, and others synthesise sound without end from a
line of text.
"""

from functools import cache
from pathlib import Path

from scribe_assets.errors import MediaError

DEMUXERS = (
    "aac,ac3,ac4,act,aiff,amr,amrnb,amrwb,ape,asf,ast,au,avi,bonk,caf,dhav,dsf,dss,dts,dtshd,dv,"
    "eac3,flac,flv,gxf,hcom,iamf,iff,ilbc,ircam,ivr,lc3,loas,matroska,mlp,mmf,mov,mp3,mp4,mpc,mpc8,"
    "mpeg,mpegts,mxf,nistsphere,nsv,nut,ogg,oma,osq,paf,pvf,qcp,qoa,rka,rm,sbc,sds,shn,siff,sox,"
    "spdif,tak,truehd,tta,voc,vqf,w64,wav,wavarc,webm,wsd,wtv,wv,xwma"
)
"""By ffmpeg's names: the containers that people record to and exchange sound in."""

PLAYLISTS = (
    b"#EXTM3U",
    b"<MPD",
    b"ffconcat",
    b"[playlist]",
    b"<asx",
    b"<ASX",
    b"v=0\r\n",
    b"v=0\n",
)
"""How files begin that only say where media is: HLS, DASH, ffmpeg's own, PLS, ASX and SDP."""


def refuse_playlist(path: Path) -> None:
    """Say of a playlist what it is, by its first bytes and without opening it as media.

    Raises:
        MediaError: it is one.
    """
    with path.open("rb") as file:
        head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(PLAYLISTS) or (head.startswith(b"<?xml") and b"<MPD" in head):
        raise MediaError(
            "the file is a playlist that refers to other files; upload the media itself"
        )


@cache
def audio_decoders() -> str:
    """ffmpeg's names of all decoders of sound.

    Nothing else is decoded: no cover of 14,000 pixels a side takes memory, and no fault of a video
    decoder is within reach of an upload.
    """
    import av
    from av.codec.codec import UnknownCodecError

    names = []
    for name in av.codecs_available:
        try:
            codec = av.Codec(name, "r")
        except UnknownCodecError:  # it only encodes
            continue
        if codec.type == "audio":
            names.append(name)
    return ",".join(sorted(names))


def input_options() -> dict[str, str]:
    """Options of libavformat with which every file is opened, in the probe and by ffmpeg."""
    return {
        "protocol_whitelist": "file,subfile",
        "format_whitelist": DEMUXERS,
        "codec_whitelist": audio_decoders(),
    }
