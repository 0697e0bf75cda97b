"""The page of the front end: what people see of the endpoints behind nginx, as HTML that needs no script.

server     the only part that meets nginx: connections, threads, time limits, the log
access     who comes: the front end's secret, the user's name, the token of a form
routes     which of the pages a request is for
status     the endpoints behind the front end, and what is going on at them
overview   the list of endpoints; detail is the page of one, run that of a run; error_pages: why there is nothing else
history    the lists of an endpoint's runs; told: with what they began, and who asked
form       the fields of an endpoint's parameters: drawn, and read when they come back
submit     the way to the acceptor, which checks and spools as for any other client

cgi_head takes the head of a CGI's output off, and colours makes HTML of what follows; labels and times say things in
words; layout is what all pages share, and markup how HTML is made: all that is not marked as HTML already is escaped.

Security. It runs as triggerfrontend in a sandbox without a network. It reads configurations, and the records and
outputs of the endpoints that it shows; it writes nothing. It believes nginx, which brings the host's secret, on who
asks; a browser brings a token with each form. To start a run it asks the acceptor, as any client does.
"""
