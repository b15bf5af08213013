"""python -m ganlab.prepare: download, verify, cache."""

from ganlab.command.entry import command

main = command("prepare")

if __name__ == "__main__":
    main()
