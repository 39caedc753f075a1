"""Where the signals come from: SQS's counts and ages, Auto Scaling groups, ECS services."""
