"""What watches S3 and the runs, and starts what follows."""
