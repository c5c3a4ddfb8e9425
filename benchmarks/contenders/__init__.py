"""Who is measured: imagestore, the real Glance in two settings, and nginx as the limit."""
