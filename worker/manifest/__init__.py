"""The parts of the fleet manifest: units, field rules, problems; `worker.fleet` is the way in."""
