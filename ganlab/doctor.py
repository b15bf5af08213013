"""python -m ganlab.doctor: what is wrong with an installation, in a line each, and what to do."""

from ganlab.command.entry import command

main = command("doctor")

if __name__ == "__main__":
    main()
