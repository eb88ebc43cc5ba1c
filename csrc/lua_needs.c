/* What must be installed to compile the core, named with its packages: the
 * compiler's own word for it would be a file. Of the rock's sources this is
 * compiled first; make asks scripts/setup before it compiles anything, and
 * luarocks looks for lua.h itself, but takes that of another Lua: Debian's is
 * for Lua 5.1 by itself, and for LuaJIT it finds the headers of Lua 5.1. */
#if defined(__has_include) && !defined(GS_WITHOUT_HEADERS)
  #if !__has_include(<curl/curl.h>)
    #error \
        "libcurl's headers are missing: libcurl4-openssl-dev (Debian), libcurl-devel (Fedora), curl-dev (Alpine), curl (Homebrew)"
  #endif
  #if !__has_include(<libwebsockets.h>)
    #error \
        "libwebsockets' headers are missing: libwebsockets-dev (Debian, Alpine), libwebsockets-devel (Fedora), libwebsockets (Homebrew)"
  #endif
  #if !__has_include(<uv.h>)
    #error \
        "libuv's headers are missing: libuv1-dev (Debian), libuv-devel (Fedora), libuv-dev (Alpine), libuv (Homebrew)"
  #endif
  #if !__has_include(<openssl/ssl.h>)
    #error \
        "OpenSSL's headers are missing: libssl-dev (Debian), openssl-devel (Fedora), openssl-dev (Alpine), openssl (Homebrew)"
  #endif
  #if __has_include(<lua.h>)
    #include <lua.h>
    #if LUA_VERSION_NUM == 502 || \
        (LUA_VERSION_NUM == 501 && !__has_include(<luajit.h>))
      #error \
          "this Lua will not do. Lua 5.4: luarocks --lua-version 5.4 make; liblua5.4-dev (Debian), lua-devel (Fedora), lua5.4-dev (Alpine), lua (Homebrew). LuaJIT: luarocks --lua-version 5.1 make LUA_INCDIR=/usr/include/luajit-2.1; libluajit2-5.1-dev (Debian), luajit-devel (Fedora), luajit-dev (Alpine), luajit (Homebrew)"
    #endif
  #endif
#endif
