"""What acceptors and runs have counted, as a file for Prometheus.

Security. It runs as root in a sandbox of its own, without a network. It reads the counts of all endpoints and how many
requests wait, and writes one file that everybody may read. It believes no acceptor: of what one has counted it takes
numbers under known names, and nothing that lies there keeps it from the others.
"""
