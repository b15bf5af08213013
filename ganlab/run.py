"""python -m ganlab.run: compose, train, evaluate, report."""

from ganlab.command.entry import command

main = command("run", config="config")

if __name__ == "__main__":
    main()
