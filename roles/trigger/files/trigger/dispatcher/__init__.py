"""What root does around a run.

claim       before it: takes entries out of the spool, and lays the request out for the runner
record      after it: writes down how it ended
history     what is kept of runs: writes a record, lets the oldest go; output_files: what they printed
claims      entries that are taken, with all that is checked of them
claim_lock  only one at a time takes or gives back
schedule    when a run may begin: quiet (`debounce`), and its turn (`exclusive`)
on_end      what `on_success` and `on_failure` start

Security. It runs as root, in the unit of the job, but outside of its sandbox. It reads the spool, which the acceptor
writes, and the output, which the job writes: regular files with one name and of bounded size, opened without following
a link, of which it checks a copy. It writes claims, records, and the files that a run is laid out in. It believes
neither acceptor nor job: an entry is checked by the endpoint's rules again, and systemd says how a run ended.
"""
