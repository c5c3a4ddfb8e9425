"""The parent process: owns the listening sockets and keeps worker processes alive on them."""
