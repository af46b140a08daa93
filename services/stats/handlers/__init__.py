"""What is done for those who watch."""
