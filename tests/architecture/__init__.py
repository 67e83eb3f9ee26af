"""The import graph of the package, read from its source: the table of rules, and a printout of the graph."""
