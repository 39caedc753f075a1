"""The fleet's nodes and the scaling engine's memory, in one DynamoDB table."""
