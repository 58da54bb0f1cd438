"""The Python side of weir: weir.frame reads and writes batch frames, weir.export writes scikit-learn models for weir."""
