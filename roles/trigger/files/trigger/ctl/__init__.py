"""triggerctl, for a person on the host.

main       what was typed, and which exit status it ends with
show       list, show and runs
logs       logs
fire       fire; `fire_request` makes of what was typed what an HTTP request would be
fire_unit  the same for the calendar and for other units, which start trigger-fire@NAME.service
cancel     cancel
pause      pause, resume and drain
doctor     doctor, which is a folder with its checks

status is what is seen of an endpoint and decides in which state that is; request_ids finds the one that is meant;
systemd asks and orders; follow waits for the end of a run; terminal and table say it to a person or a script; errors
are how a command ends when it has not done what it was asked.

Security. It runs as root, for whom sudo lets in. It reads all that is trigger's, and systemd; it writes requests into
spools by the rules of `parameters`, gives claims back, and stops and starts units. It believes neither acceptor nor
job: their files are read as the dispatcher reads them, and what they say moves nothing on a terminal.
"""
