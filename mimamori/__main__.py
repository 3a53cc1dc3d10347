"""``python -m mimamori``: the same as the command ``mimamori``."""

import sys

from mimamori.cli import main

sys.exit(main())
