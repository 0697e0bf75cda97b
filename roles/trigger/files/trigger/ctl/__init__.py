"""triggerctl, for a person on the host.

main       what was typed, and which exit status it ends with
look       list, show and runs
logs       logs
fire       fire; `request` makes of what was typed what an HTTP request would be
cancel     cancel
pause      pause, resume and drain
doctor     doctor; `units`, `files` and `host` have its checks

sight is what is seen of an endpoint and decides in which state that is; systemd asks and orders; screen, table and
words say it to a person or a script; failure is how a command ends when it has not done what it was asked.
"""
