"""The runner: it runs one job in the activation of its unit, and leaves.

main  the dispatcher's connection, and what becomes of the run
job   the program itself, a child
pump  what it prints

Security. It runs as the endpoint's `user`, in the unit and the sandbox of the job. It reads what the dispatcher hands
over as descriptors, and writes to the journal and into the one file for the output. It believes whoever may connect to
its socket: root alone. Nothing that it knows is secret from the job, which may as well kill it, or lie in its name
about how the run ended; about more than the present run it is asked nothing.
"""
