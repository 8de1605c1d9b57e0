"""Which tracks and channels of a recording hold which speakers, and mono audio made of them.

    channels   plain data: a channel, a group of channels that is one mono track, a choice
    levels     what is measured of all channels: levels, voice activity, cross power
    dominance  which channel is louder than which other one, and how often
    choice     which channels are taken, together or each for itself, and why
    weights    how the channels of a group are added without losing speech
    mixing     a group as a FLAC file
    bleed      where a group hears only what is spoken into another one
    merging    timelines and transcriptions of several groups as one

The order is: `choose`, `mix` for each group, and if there are several, `find_bleed`; then each
group is diarized and transcribed by itself (as `Gated` audio), and `merge_timelines` and
`merge_transcriptions` put the results together. What was measured stands in
docs/decisions/0013-tracks-and-channels.md.
"""
