"""The dispatcher: what root does for a run, in a process of its own.

main          starts it
dispatcher    what is to be done next, from the first byte until nothing is left
schedule      decides that: pause, quiet (`debounce`), turn (`exclusive`), who is served by one run
standby       the runner for the next run, until it stands ready
handover      takes what one run serves, and hands it over to that runner
watch         the run under way: what its runner tells, its clock, its end
cancel        what clients want to have cancelled; take_back: a request that waits
recorder      what is written down of a run, and what follows it

claims        entries that are taken, with all that is checked of them
hard_links    many names of one file, of a run that serves many
claim_lock    only one at a time takes or gives back
exclusive     the lock that an endpoint names
link          the connection to the runner
freshness     whether an idle runner is what its unit would start now
departure     a runner that was told to leave, until it has left
outcome       how a run ended
history       what is kept of runs: writes a record, lets the oldest go; output_files: what they printed
on_end        what `on_success` and `on_failure` start
job_unit      the job's unit and its socket, as systemd has them
systemd_bus   systemd's own socket for root

Where something is not as it should be:
cannot_start  a job that cannot start: who is told
recovery      a claimed run of which nobody tells
earlier       a run that a release up to 0.2 has begun

Security. It runs as root without capabilities, in a unit of its own, which nothing of an endpoint's configuration
reaches, with no network and an environment of systemd's. It reads the spool, which the acceptor writes: regular files
with one name and of bounded size, opened without following a link, of which it checks a copy. It believes neither
acceptor nor runner: an entry is checked by the endpoint's rules again, and the runner, which the job can do with as it
likes, is believed how the one run ended that it was handed, and nothing else. It writes claims, records and outputs.
It may order systemd to start and stop units, and so is root all the same.
"""
