"""python -m ganlab.reproduce: repeat a run and compare the results bit for bit."""

from ganlab.command.entry import command

main = command("reproduce")

if __name__ == "__main__":
    main()
