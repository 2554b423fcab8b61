"""`pledgeway sim kills`: real daemons under load, killed at random, and all books compared."""
