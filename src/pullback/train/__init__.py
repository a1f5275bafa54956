"""Training: the loop, its stop rules, and the record that a run leaves."""
