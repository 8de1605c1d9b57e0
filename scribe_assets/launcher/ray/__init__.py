"""Devices on other machines, in a Ray cluster that somebody else runs (`scribe-assets[ray]`).

Host and runs notice nothing of it: `worker` is a process on their machine that says what a local
worker would say, and lets an `actor` beside the GPU execute the steps. `watch` is a process that
tells which GPUs the cluster has; `devices` is how the host hears of it. So neither the host nor a
run ever imports Ray. What Ray is asked, and the sentences for what may be wrong with it, are in
`cluster`.
"""
