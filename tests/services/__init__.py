"""Real services for tests and benchmarks, each started by hand on loopback, without systemd."""
