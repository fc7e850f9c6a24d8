-- wrk sends the URL's host as SNI and looks it up; this looks up the address that is meant instead.
function wrk.resolve(_, service)
  wrk.addrs = wrk.lookup(os.getenv("BENCH_ADDRESS"), service)
end
