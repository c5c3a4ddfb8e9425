"""``python -m imagestore`` is the command ``imagestore``."""

from imagestore.cli.main import main

if __name__ == "__main__":
    main()
