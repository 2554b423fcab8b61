"""What the daemons share and the protocol does not know: threads, wire, disk, clock."""

import os

# gRPC's core writes a line to standard error for every stranger whose handshake fails. We log
# those ourselves, with names; only its errors are wanted. Read by grpc when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
