"""The process that serves: sockets, workers' lives, requests that are no HTTP."""
