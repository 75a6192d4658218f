"""`python -m graphlang` is the `graphlang` command."""

import sys

from graphlang.cli.main import main

sys.exit(main())
