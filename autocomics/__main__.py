"The command `autocomics`, as `python -m autocomics`"
from autocomics.cli import main

if __name__ == '__main__': main()
