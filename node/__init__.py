"""The node daemon: lines of credit with neighbours, and payments over them."""
