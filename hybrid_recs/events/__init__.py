"""What the service and the consumer agree on about visitors' events."""
