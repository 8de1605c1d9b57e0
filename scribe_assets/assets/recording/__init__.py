"""The stages of a recording, partitioned by recording; a run of the pipeline makes all of them."""
