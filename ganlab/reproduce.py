"""python -m ganlab.reproduce: a run again, and whether it gives the same bits."""

from ganlab.command.entry import command

main = command("reproduce")

if __name__ == "__main__":
    main()
