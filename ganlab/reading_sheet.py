"""python -m ganlab.reading_sheet: real and generated samples for an expert to tell apart, and the score."""

from ganlab.command.entry import command

main = command("reading_sheet")

if __name__ == "__main__":
    main()
