"""ECS for the local AWS: services whose tasks are processes of this computer."""
