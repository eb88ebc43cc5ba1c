# Reads an sh block of a page as a person would: spec/guide_commands_spec.lua
# puts it in front of the block. $TREE is the checkout; $INTERPRETER, $PATHS and
# $CPATHS are the Lua of graphsocket; words that are only written down, one a
# line, go to a file of $RECORDED.

# Goes on until a line has come that matches, then does what Ctrl-C would do.
until_seen() { # PATTERN COMMAND...
  local pattern=$1 out line="" status=0 pid
  shift
  exec {out}< <(exec "$@")
  pid=$!
  while [[ ! $line =~ $pattern ]] && read -r line <&"$out"; do printf '%s\n' "$line"; done
  # Not SIGINT: what bash starts in the background does not hear it.
  kill -TERM $pid 2>/dev/null || true
  cat <&"$out"
  wait $pid || status=$?
  # SIGTERM that came, or that was taken for a goodbye.
  [ $status = 143 ] || return $status
}

# Those that go on for ever are ended when they have told of a change.
graphsocket() {
  local command=(env LUA_PATH="$PATHS" LUA_CPATH="$CPATHS" "$INTERPRETER" "$TREE/bin/graphsocket" "$@")
  case $1 in
    watch) until_seen 'created|updated|deleted' "${command[@]}" ;;
    subscribe) until_seen . "${command[@]}" ;;
    simulate) until_seen '"graph":' "${command[@]}" ;;
    *) "${command[@]}" ;;
  esac
}

node() { until_seen '"graph":' "$(type -P node)" "$@"; }
examples/openresty/run() { until_seen 'The live page' "$TREE/examples/openresty/run" "$@"; }

# A status of HTTP is a failure here.
curl() { command curl -fsS "$@" && echo; }

# An unpacked archive has nothing to clone.
git() { if [ -e "$TREE/.git" ]; then command git "$@"; else mkdir "${!#}"; fi; }

# What runs the specs is not for what a reader starts.
unset LUA LUA_PATH LUA_CPATH BUILD MAKEFLAGS MFLAGS MAKELEVEL SPECS

record() { printf '%s\n' "$@" '' >>"$RECORDED/$BASHPID"; }

make() {
  case $1 in
    demo) env -u GRAPH_TOKEN make --no-print-directory -C "$TREE" demo ;;
    live)
      command make --no-print-directory -C "$TREE" core-for-nginx
      examples/openresty/run
      ;;
    install) command make --no-print-directory -C "$TREE" install DESTDIR="$PWD/root" ;;
    # These are the specs that this is one of.
    *) record make "$@" ;;
  esac
}

# scripts/check-rock runs the README's, in a clean clone.
luarocks() { record luarocks "$@"; }

# These change the machine.
sudo() { record sudo "$@"; }

# scripts/setup has run it, and specs that run beside this one need its folder.
npm() { record npm "$@"; }

# Minutes long, and their figures are the point.
bench/nginx() { record bench/nginx "$@"; }
bench/nginx_memory() { record bench/nginx_memory "$@"; }
bench/nginx_reloads() { record bench/nginx_reloads "$@"; }

# The guide's own line says that a copas is needed which Debian does not have.
lua5.4() { record lua5.4 "$@"; }

set -euo pipefail
