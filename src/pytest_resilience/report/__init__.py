"""What a test run tells afterwards."""
