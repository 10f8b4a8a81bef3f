"""A small clinic: slots, bookings, jobs, rooms and uploads over HTTP, on Postgres and Redis."""
