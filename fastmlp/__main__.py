"""`python -m fastmlp` is the `fastmlp` command."""

from fastmlp.cli import main

if __name__ == "__main__":
    main()
