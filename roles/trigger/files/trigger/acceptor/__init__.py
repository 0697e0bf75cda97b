"""The acceptor: the one process that meets the network. In the way of a request:

main           the start: what it is made of
loop           all connections: which events there are, who gets a place, when they end
connection     one client
handler        what becomes of a request, from its head to the reply
auth           who sends it; credentials are the secrets for that, trusted_proxy is the front end's way in
replay         deliveries that come again
prefer         whether a client waits for the run; runs_api: what it may ask of runs
backoff        who guesses gets slower; eviction: who gives way when places are short; rate_limit: how often runs start

Security. It runs as trigger-NAME, below a root directory where nothing else of the host is. It reads the endpoint's
configuration, its own credentials and the records of its runs. It writes its spool, and in it its memory of deliveries
and its counts; it makes no socket and starts no process. It believes nobody: a client until `auth` has let it in, nginx
and the page by a secret that they bring. What it writes, the dispatcher checks again.
"""
