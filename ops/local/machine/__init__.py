"""A machine of the local AWS: real processes that live as on an EC2 instance, and end with it."""
