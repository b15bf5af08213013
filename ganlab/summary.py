"""python -m ganlab.summary: write the page that summarizes a sweep."""

from ganlab.command.entry import command

main = command("summary")

if __name__ == "__main__":
    main()
