"""The acceptor: the one process that meets the network. In the way of a request:

main           the start: what it is made of
loop           all connections: which events there are, when they end
clients        who of them has a place, who waits, who gives way; eviction compares them
connection     one of them: its bytes and its deadlines
exchange       the request and the answer that it brings; handler and what is below know this alone
handler        what becomes of a request, from its first byte to the reply
auth           who sends it; credentials are the secrets for that, trusted_proxy is the front end's way in
signatures     over the body; handshakes: what senders ask before they send
backoff        who guesses gets slower; rate_limit: how often runs start
replay         deliveries that come again
prefer         whether a client waits for the run; runs_api: what it may ask of runs
replies        what it is told that may know of a run
access_log     what the journal and the metrics are told

Security. It runs as trigger-NAME, below a root directory where nothing else of the host is. It reads the endpoint's
configuration, its own credentials and the records of its runs. It writes its spool, and in it its memory of deliveries
and its counts; it makes no socket and starts no process. It believes nobody: a client until `auth` has let it in, nginx
and the page by a secret that they bring. What it writes, the dispatcher checks again.
"""
