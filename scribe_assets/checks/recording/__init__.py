"""What must hold of the artifacts of a recording, one file an asset."""
