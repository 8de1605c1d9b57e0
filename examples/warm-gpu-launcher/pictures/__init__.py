"""Says what shapes pictures show."""
