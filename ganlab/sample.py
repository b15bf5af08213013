"""python -m ganlab.sample: write a synthetic data set from a trained generator."""

from ganlab.command.entry import command

main = command("sample")

if __name__ == "__main__":
    main()
