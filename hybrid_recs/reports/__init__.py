"""Reads counters and generations and writes words and charts. Never imports online/ or offline/."""
