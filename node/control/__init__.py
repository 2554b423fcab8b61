"""What the owner's programs may ask of the daemon, as JSON over the control socket."""
