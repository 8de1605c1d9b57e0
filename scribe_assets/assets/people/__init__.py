"""What is made of a user's identity bank, partitioned by user."""
