"""Who speaks when, without names.

    pipelines          the diarizations there are, and the call that everybody makes: `diarize`
    diarizer           what each of them can do
    turns              the default one: stretches are embedded, clustered, and go to a voice
    pyannote_pipeline  pyannote.audio's own pipelines, in one pass over the recording
    segmentation       who of a few local speakers is active in each window
    stretches          where one speaker speaks alone, by the votes of overlapping windows
    embedding          the voice of each stretch; `voice_change` with CAM++
    clustering, matching    which stretches, and which local speakers, are of one voice

A *stretch* is a span of frames in which one speaker speaks alone, always the same. A *local
speaker* is one of the few that the segmentation model tells apart within a window; the same number
means somebody else in the next window. What does not belong here: names of people (see `voices`),
and where weights come from (see `engine`).
"""
