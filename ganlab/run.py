"""python -m ganlab.run: train a GAN, evaluate it and write a report."""

from ganlab.command.entry import command

main = command("run", config="config")

if __name__ == "__main__":
    main()
