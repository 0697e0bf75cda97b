"""The dispatcher: what root does for a run, in a process of its own.

main          starts it
dispatcher    the way of a request from the spool to its record
schedule      what is to be done next: pause, quiet (`debounce`), turn (`exclusive`), who is served by one run
claims        entries that are taken, with all that is checked of them
claim_lock    only one at a time takes or gives back
exclusive     the lock that an endpoint names
link          the connection to the runner
freshness     whether an idle runner is what its unit would start now
cannot_start  a job that cannot start: who is told
outcome       how a run ended
recorder      what is written down of a run, and what follows it
earlier       a run that a release up to 0.2 has begun
history       what is kept of runs: writes a record, lets the oldest go; output_files: what they printed
on_end        what `on_success` and `on_failure` start
job_unit      the job's unit and its socket, as systemd has them; departure: a runner that was told to leave
systemd_bus   systemd's own socket for root

Security. It runs as root without capabilities, in a unit of its own, which nothing of an endpoint's configuration
reaches, with no network and an environment of systemd's. It reads the spool, which the acceptor writes: regular files
with one name and of bounded size, opened without following a link, of which it checks a copy. It believes neither
acceptor nor runner: an entry is checked by the endpoint's rules again, and the runner, which the job can do with as it
likes, is believed how the one run ended that it was handed, and nothing else. It writes claims, records and outputs.
It may order systemd to start and stop units, and so is root all the same.
"""
