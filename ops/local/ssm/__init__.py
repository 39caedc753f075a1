"""Systems Manager's run command on machines: delivered, run and reported truly."""
