"""Links: TCP roads to a service that can be broken."""
