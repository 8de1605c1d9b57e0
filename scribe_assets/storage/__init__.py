"""S3: the resource, the bucket layout and the IO managers."""
