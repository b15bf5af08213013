"""python -m ganlab.sync: send to MLflow what it has missed of a run or of a folder of runs."""

from ganlab.command.entry import command

main = command("sync")

if __name__ == "__main__":
    main()
