"""All participants on one machine, on as many processes as it has cores."""
