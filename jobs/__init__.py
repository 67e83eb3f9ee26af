"""One file per scheduled job, which starts a command of the package."""
