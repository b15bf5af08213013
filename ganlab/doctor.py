"""python -m ganlab.doctor: check an installation and say what to do."""

from ganlab.command.entry import command

main = command("doctor")

if __name__ == "__main__":
    main()
