"""python -m ganlab.prepare: download, verify and cache a data set."""

from ganlab.command.entry import command

main = command("prepare")

if __name__ == "__main__":
    main()
