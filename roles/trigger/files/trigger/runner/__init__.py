"""The runner: it becomes the job.

Security. It runs as the endpoint's `user`, in the unit and the sandbox of the job. It reads what root has laid out for
this run, and writes what the job prints. It believes root alone. Nothing that it knows is secret from the job, which is
the same process a moment later.
"""
