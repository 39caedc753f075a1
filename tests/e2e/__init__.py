"""End-to-end tests: real worker processes against the strict SQS over HTTP."""
