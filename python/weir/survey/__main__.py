"""python3 -m weir.survey FOLDER [--address A] [--jobs N]: see ray_engine.py."""
import sys

from .ray_engine import main

sys.exit(main())
