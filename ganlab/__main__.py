"""python -m ganlab: the same as the console command `ganlab`."""

from ganlab.command.shell import main

if __name__ == "__main__":
    main()
