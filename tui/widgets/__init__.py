"""The parts of the desk. Each shows what it is given and says upwards what the agent did."""
