"""python -m ganlab.reading_sheet: a blinded reading by an expert: make the page, score the answers."""

from ganlab.command.entry import command

main = command("reading_sheet")

if __name__ == "__main__":
    main()
