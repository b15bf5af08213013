"""python -m ganlab.play: a page on this machine to try a generator: sliders, ECG paper, a download."""

from ganlab.command.entry import command

main = command("play")

if __name__ == "__main__":
    main()
