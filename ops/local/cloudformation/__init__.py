"""CloudFormation for the local AWS: stacks whose resources are made by calls of the AWS API.

moto's own skips what it does not know and says that it created it. Here each resource is created,
read, changed and deleted by the same calls that an operator could send, to the same endpoint, with
the credentials of whoever runs the stack; what is not handled fails the stack and is named.
"""
