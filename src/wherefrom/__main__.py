"""`python -m wherefrom`: the command line where no script is on the path."""

from wherefrom.cli import main

if __name__ == "__main__":
    main()
