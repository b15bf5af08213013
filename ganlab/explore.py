"""python -m ganlab.explore: write a page on what is in a data set."""

from ganlab.command.entry import command

main = command("explore")

if __name__ == "__main__":
    main()
