"""python -m ganlab.run: compose, train, evaluate, report."""

from ganlab.command.entry import command
from ganlab.core.settings import own_launchers

main = command("run", config="config")
own_launchers()

if __name__ == "__main__":
    main()
