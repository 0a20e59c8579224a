"""The messages of the wire protocol, in both directions: their fields, units and limits. Pure."""
