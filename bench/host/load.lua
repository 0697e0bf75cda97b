-- What wrk asks and tells. Arguments: the method, and, to be sent in turn, a file of signed requests as load.py writes
-- it, a line with the signature, a line with the body.

local turns, turn = {}, 0

function init(arguments)
  wrk.method = arguments[1]
  if not arguments[2] then return end
  wrk.headers["Content-Type"] = "application/json"
  local lines = io.lines(arguments[2])
  for signature in lines do turns[#turns + 1] = {signature, lines()} end
  request = signed
end

function signed()
  turn = turn % #turns + 1
  wrk.headers["X-Hub-Signature-256"] = turns[turn][1]
  return wrk.format(nil, nil, nil, turns[turn][2])
end

function done(summary, latency)
  local at = {}
  for percent = 1, 99 do at[percent] = string.format("%.3f", latency:percentile(percent) / 1000) end
  local errors = summary.errors
  io.write(string.format(
    '\nresult {"requests": %d, "seconds": %.3f, "milliseconds_at_percent": [%s], "errors": ' ..
    '{"connect": %d, "read": %d, "write": %d, "timeout": %d, "refused": %d}}\n',
    summary.requests, summary.duration / 1e6, table.concat(at, ", "),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
