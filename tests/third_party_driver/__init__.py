"""A driver as a third party would ship it: it knows of imagestore what the guide says."""
