"""Services: what runs, where it runs, when it is ready, and how it is broken."""
