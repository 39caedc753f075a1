"""What runs one task of ECS: its containers and what they ask about themselves."""
