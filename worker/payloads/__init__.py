"""Arguments that are too large for SQS: kept in S3, and a pointer to them sent."""
