"""What may be wrong with an installation, and what to do about it.

`examination` puts the checks in their order, `machine` has those of this machine and of what is
installed on it, `s3` those of the storage. Each is a plain function that returns a `Finding`
(`finding`).
"""

from scribe_assets.local.doctor.examination import examine
from scribe_assets.local.doctor.finding import Finding

__all__ = ["Finding", "examine"]
