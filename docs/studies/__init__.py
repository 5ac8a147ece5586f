"""What makes the pages of the studies from their data."""
