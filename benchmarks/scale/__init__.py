"""What lists cost among 10,000, 100,000 and 1,000,000 images, on each database."""
