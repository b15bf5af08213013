"""python -m ganlab.publish: a data set ready for Hugging Face or Zenodo, with its card and metadata."""

from ganlab.command.entry import command

main = command("publish")

if __name__ == "__main__":
    main()
