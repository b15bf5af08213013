"""python -m ganlab.explore: what is in a data set, as a page."""

from ganlab.command.entry import command

main = command("explore")

if __name__ == "__main__":
    main()
