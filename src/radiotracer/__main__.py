"""``python -m radiotracer``: the same as the command."""

from radiotracer.cli import main

if __name__ == "__main__":
    main()
