"""python -m ganlab.evaluate: any synthetic set, ours or another tool's, compared with real samples of other people."""

from ganlab.command.entry import command

main = command("evaluate")

if __name__ == "__main__":
    main()
