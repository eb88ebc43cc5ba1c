/* What must be installed to compile the core, named with its packages: the
 * compiler's own word for it would be a file. Of the rock's sources this is
 * compiled first; make asks scripts/setup before it compiles anything,
 * and luarocks looks for lua.h itself. */
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
#endif
