"""What is told of the service: logs, metrics, notifications."""
