"""`python -m pensieve.bench` is the command `pensieve-bench`."""

from .cli import main

if __name__ == "__main__":
    main()
