"""python3 -m weir.survey FOLDER [--address A] [--jobs N]: see ray_engine.py."""
import sys

try:
    from .ray_engine import main
except ImportError as error:
    sys.exit(f"weir survey: {sys.executable} has no {error.name}; name a Python that has Ray and NumPy (weir survey --python, WEIR_PYTHON): "
             "`tools/setup peers` makes build/peers/bin/python")
sys.exit(main())
