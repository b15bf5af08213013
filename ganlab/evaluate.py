"""python -m ganlab.evaluate: compare a synthetic set of any tool with real samples."""

from ganlab.command.entry import command

main = command("evaluate")

if __name__ == "__main__":
    main()
