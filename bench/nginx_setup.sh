# shellcheck shell=bash disable=SC2154  # coproc sets server_PID
# For bench/nginx* and clients/nginx: nginx of one worker whose socket takes numbered events from
# bench/server.mjs, and what it had of them. To be sourced in the project's folder.

tree=$PWD
nginx=${NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}
folder=$(mktemp -d)
started=()
stop() {
  for pid in "${started[@]}"; do kill -QUIT "$pid" 2>/dev/null || true; done
  wait "${started[@]}" 2>/dev/null || true
  [ -z "${server_PID:-}" ] || kill "$server_PID" 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT

serve() { # COUNT RATE: so many events for each request to /go
  coproc server { exec node bench/server.mjs flow "$1" 300 "$2"; }
  read -r server_port <&"${server[0]}"
  server_port=$(sed 's/.*127.0.0.1:\([0-9]*\)".*/\1/' <<<"$server_port")
}

# An nginx of one worker on a free port, which is left in $listening; its pid in $master.
launch() { # NAME LUA
  local modules="" user="" prefix=$folder/$1
  mkdir "$prefix"
  if [ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ]; then
    modules="load_module /usr/lib/nginx/modules/ndk_http_module.so;
      load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;"
  fi
  [ "$(id -u)" != 0 ] || user="user root;"
  listening=$((20000 + RANDOM % 10000))
  cat >"$prefix/nginx.conf" <<END
daemon off; worker_processes 1; pid nginx.pid; error_log error.log warn; $user $modules
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  lua_package_path "$tree/lua/?.lua;$tree/lua/?/init.lua;$tree/?.lua;;";
  lua_package_cpath "$tree/build/luajit/?.so;;";
  lua_shared_dict bench 1m;
  init_worker_by_lua_block { $2 }
  server {
    listen 127.0.0.1:$listening;
    keepalive_requests 1000000;
    location / { content_by_lua_block { ngx.say "hello" } }
    location = /go { content_by_lua_block { require("bench_socket"):emit "go" } }
    location = /memory { content_by_lua_block { ngx.print(math.floor(collectgarbage "count")) } }
    location = /show { content_by_lua_block {
      local dict = ngx.shared.bench
      ngx.print((dict:get "received" or 0), " ", (dict:get "disordered" or 0), " ", tostring(dict:get "joined"))
    } }
  }
}
END
  "$nginx" -p "$prefix/" -c "$prefix/nginx.conf" -e "$prefix/error.log" &
  master=$!
  started+=("$master")
}

# One that subscribes to the server.
launch_with_socket() {
  launch with "
    local socketio = require 'graphsocket.socketio'
    local dict, last = ngx.shared.bench, 0
    local socket = socketio.connect('http://127.0.0.1:$server_port', { engine = 4 })
    package.loaded.bench_socket = socket
    socket:on('connect', function() dict:set('joined', true) end)
    socket:on('notification', function(text)
      local number = tonumber(text:match '\"resource\":\"(%d+)\"')
      if number ~= last + 1 then dict:incr('disordered', 1, 0) end
      last = number
      dict:incr('received', 1, 0)
    end)"
  with=$listening
}

# Events received, those out of order, and whether it is connected.
show() { curl -sf "http://127.0.0.1:$with/show" || true; }
