"""python -m ganlab.export_generator: a generator to share, without the run that trained it."""

from ganlab.command.entry import command

main = command("export_generator")

if __name__ == "__main__":
    main()
