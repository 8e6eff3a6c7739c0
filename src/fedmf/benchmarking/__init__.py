"""What protecting, adding and opening cost, here and elsewhere, beside what no scheme can beat."""
