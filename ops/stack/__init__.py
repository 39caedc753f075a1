"""The fleet as CloudFormation stacks: composed, proposed, applied, compared and removed."""
