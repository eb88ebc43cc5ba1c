std = "lua53+luajit"
max_line_length = 120
codes = true
cache = false
exclude_files = { "**/node_modules", "build", ".luarocks", "lua_modules" }

-- What scripts for nginx may use; elsewhere the adapter alone touches it.
files["lua/graphsocket/loop/nginx.lua"] = { read_globals = { "ngx" } }
files["lua/graphsocket/nginx.lua"] = { read_globals = { "ngx" } }
files["lua/graphsocket/nginx/**"] = { read_globals = { "ngx" } }
files["bench/clients/measure.lua"] = { read_globals = { "ngx" } }
files["examples/openresty/**"] = { globals = { "ngx" } }
files["examples/loops/neovim.lua"] = { read_globals = { "vim" } }
files["spec"] = { std = "+busted" }
files["**/*.rockspec"] = { std = "+rockspec" }
