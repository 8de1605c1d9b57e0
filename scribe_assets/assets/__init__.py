"""The assets, one file each: typed artifact in, a call of the domain, typed artifact out."""
