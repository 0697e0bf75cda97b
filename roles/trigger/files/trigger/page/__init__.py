"""The page of the front door: what people see of the endpoints behind nginx, as HTML and without a script.

server     the only part that meets nginx: connections, threads, time limits, the log
door       who comes: the front end's secret, the user's name, the token of a form
desk       which of the pages a request is for
known      the endpoints behind the front end, and what is going on at them
overview   the list of endpoints; detail is the page of one, run that of a run, message says why there is nothing else
form       the fields of an endpoint's parameters: drawn, and read when they come back
start      the way to the acceptor, which checks and spools as for any other client

printed makes text of what a job prints, and cgi_head takes the head of a CGI's off; states and times say things in
words; layout is what all pages share, and markup how HTML is made: all that is not marked as HTML already is escaped.
"""
