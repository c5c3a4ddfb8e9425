"""What the service is about: images, jobs, tasks, digests, errors. Pure: no I/O."""
