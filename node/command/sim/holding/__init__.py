"""For how long credit is held when nobody answers, measured on real cores."""
