"""imagestore: an image service that speaks the OpenStack Images API."""

__version__ = "0.1.0"
