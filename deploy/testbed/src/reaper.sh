# Watches over a server's folder ($1) for the program that started it; see reaper.rs.
# Its standard input is a pipe from that program: it ends when the program does, however that ends.
trap '' HUP INT TERM

read -r word
[ "$word" = detach ] && exit 0

data=$1/data
pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)

# The number may belong to another process by now. An ended process has no arguments.
runs() {
    [ -n "$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$data"
}
broker_runs() {
    tr '\0' '\n' <"/proc/$broker/cmdline" 2>/dev/null | grep -qxF -- "$argument"
}
with_children() {
    echo "$pid" "$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)"
}

if runs; then
    # An immediate shutdown: it syncs nothing, and gives its shared memory back. The paused must wake for it.
    kill -QUIT "$pid"
    kill -CONT $(with_children)
    tries=100 # of 0.1 s: PostgreSQL itself kills what has not ended after 5 s.
    while runs && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
    runs && kill -KILL $(with_children)
fi 2>/dev/null

# A killed server leaves its file, whose seventh line is the key and the number of a piece of shared memory.
memory=$(sed -n 7p "$data/postmaster.pid" 2>/dev/null)
[ -n "$memory" ] && ipcrm -m "${memory##* }" 2>/dev/null

# Brokers: each has left its number, and in the next line an argument by which it is known.
for file in "$1"/*/server.pid; do
    broker=$(sed -n 1p "$file" 2>/dev/null)
    argument=$(sed -n 2p "$file" 2>/dev/null)
    [ -n "$broker" ] && [ -n "$argument" ] && broker_runs || continue
    kill -KILL "$broker"
    tries=100 # of 0.05 s: a killed process has its arguments until its memory is gone, a moment later on a busy machine.
    while broker_runs && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        sleep 0.05
    done
done 2>/dev/null

# initdb may still be writing.
tries=50 # of 0.1 s: nothing finds its files by then.
until rm -rf -- "$1" 2>/dev/null || [ "$tries" -eq 0 ]; do
    tries=$((tries - 1))
    sleep 0.1
done
