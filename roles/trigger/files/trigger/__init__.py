"""What `trigger` runs on a host, in the order in which a request passes through it.

acceptor   the only process that meets the network: descriptors, http, admission, cgi, spool
claim      root, before a run: takes entries out of the spool, lays the request out for the runner
runner     the job's user: becomes the job
record     root, after a run: writes down how it ended

entry is the form of a request on disk, endpoint the configuration that all of them read.
"""
