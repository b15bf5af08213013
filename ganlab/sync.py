"""python -m ganlab.sync: send to MLflow what it missed of a run, or of all runs of a folder."""

from ganlab.command.entry import command

main = command("sync")

if __name__ == "__main__":
    main()
