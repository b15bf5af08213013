"""python -m ganlab.summary: the page that sums up a sweep, written again."""

from ganlab.command.entry import command

main = command("summary")

if __name__ == "__main__":
    main()
