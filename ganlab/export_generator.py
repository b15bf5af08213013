"""python -m ganlab.export_generator: write a generator that can be shared."""

from ganlab.command.entry import command

main = command("export_generator")

if __name__ == "__main__":
    main()
