/* graphsocket.core: the C core's module, with what needs no engine: URLs, the
 * clocks, chance, waiting. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <uv.h>

#include "claim.h"
#include "clock.h"
#include "errors.h"
#include "fields.h"
#include "lua_binding.h"
#include "url.h"
#include "utf8.h"

#define LGS_BUF "graphsocket.buf"

void lgs_make_class(lua_State *L, const char *name, const luaL_Reg *methods,
                    const luaL_Reg *meta) {
  luaL_newmetatable(L, name);
  lua_pushvalue(L, -1);
  luaL_setfuncs(L, meta, 1);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void *lgs_check_self(lua_State *L, const char *name) {
  if (lua_getmetatable(L, 1)) {
    bool own = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);
    if (own) return lua_touserdata(L, 1);
  }
  return luaL_checkudata(L, 1, name);
}

gs_buf *lgs_new_buf(lua_State *L, size_t max_bytes) {
  gs_buf *buf = lua_newuserdata(L, sizeof *buf);
  gs_buf_init(buf, max_bytes);
  luaL_setmetatable(L, LGS_BUF);
  return buf;
}

static int lgs_buf_gc(lua_State *L) {
  gs_buf_free(lgs_check_self(L, LGS_BUF));
  return 0;
}

void lgs_push_buf(lua_State *L, gs_buf *buf) {
  lua_pushlstring(L, (const char *)buf->data, buf->len);
  gs_buf_free(buf);
}

/* ---- URLs ---- */

/* lgs_push_url_result pushes what is in |buf|, or nil, message. */
static int lgs_push_url_result(lua_State *L, gs_buf *buf, int err) {
  if (!err) return lgs_push_buf(L, buf), 1;
  lua_pushnil(L);
  lua_pushstring(L, gs_error_text(err));
  return 2;
}

/* core.url_parse(text) returns a table of the URL's parts, or nil, message. */
static int lgs_url_parse(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  gs_buf *fields = lgs_new_buf(L, GS_MAX_PAYLOAD);
  int err = strlen(text) == len ? gs_url_parse(text, fields) : GS_ERR_URL;
  if (err) {
    lua_pushnil(L);
    lua_pushstring(L, gs_fields_get_text(fields->data, fields->len, "message",
                                         gs_error_text(err)));
  } else {
    lgs_push_fields(L, fields->data, fields->len);
  }
  gs_buf_free(fields);
  return err ? 2 : 1;
}

/* core.url_resolve(base, reference) returns the absolute URL, or nil, message.
 */
static int lgs_url_resolve(lua_State *L) {
  const char *base = luaL_checkstring(L, 1);
  const char *reference = luaL_checkstring(L, 2);
  gs_buf *out = lgs_new_buf(L, GS_MAX_PAYLOAD);
  return lgs_push_url_result(L, out, gs_url_resolve(base, reference, out));
}

/* core.url_escape(text) percent-encodes all but the unreserved characters. */
static int lgs_url_escape(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  gs_buf *out = lgs_new_buf(L, GS_MAX_PAYLOAD);
  return lgs_push_url_result(L, out, gs_url_escape(text, len, out));
}

/* ---- clock, chance, waiting ---- */

static int lgs_now(lua_State *L) {
  lua_pushnumber(L, gs_clock_seconds());
  return 1;
}

static int lgs_time(lua_State *L) {
  lua_pushnumber(L, gs_clock_epoch());
  return 1;
}

/* core.random_bytes(n) returns n bytes, at most 1024, from the system. */
static int lgs_random_bytes(lua_State *L) {
  char bytes[1024];
  lua_Integer len = luaL_checkinteger(L, 1);
  luaL_argcheck(L, len >= 0 && len <= (lua_Integer)sizeof bytes, 1,
                "0 to 1024 bytes");
  if (uv_random(NULL, NULL, bytes, (size_t)len, 0, NULL)) {
    return luaL_error(L, "the system gives no random bytes");
  }
  lua_pushlstring(L, bytes, (size_t)len);
  return 1;
}

/* core.random() returns a number in [0, 1) from the system: nginx's workers
 * are forked with one seed, so math.random would make them move in step. */
static int lgs_random(lua_State *L) {
  uint64_t bits;
  if (uv_random(NULL, NULL, &bits, sizeof bits, 0, NULL)) {
    return luaL_error(L, "the system gives no random bytes");
  }
  lua_pushnumber(L, (double)(bits >> 11) * 0x1p-53);
  return 1;
}

/* core.poll(fd, timeout) waits until |fd| is readable, |timeout| seconds have
 * passed, or a signal came, so that Ctrl-C reaches Lua at once. fd -1 only
 * waits. Returns true if it is readable. */
static int lgs_poll(lua_State *L) {
  struct pollfd wait = {.fd = (int)luaL_checkinteger(L, 1), .events = POLLIN};
  double timeout = luaL_optnumber(L, 2, -1);
  int timeout_ms = -1;
  if (timeout >= 0) {
    double ms = ceil(timeout * 1000);
    timeout_ms = ms < INT32_MAX ? (int)ms : INT32_MAX;
  }
  int ready = poll(&wait, 1, timeout_ms);
  if (ready < 0 && errno != EINTR && errno != EAGAIN) {
    return luaL_error(L, "poll: %s", strerror(errno));
  }
  lua_pushboolean(L, ready > 0);
  return 1;
}

/* core.utf8_valid(text) tells whether the text is UTF-8 (RFC 3629). */
static int lgs_utf8_valid(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  lua_pushboolean(L, gs_utf8_valid(text, len));
  return 1;
}

/* core.claim(name) tells whether this Lua state is the first of its process
 * that claims the name. */
static int lgs_claim(lua_State *L) {
  static const char key[] = "graphsocket.claim_owner";
  const char *name = luaL_checkstring(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, key);
  uint64_t owner = (uint64_t)lua_tonumber(L, -1);
  if (!owner) {
    owner = gs_claim_owner();
    lua_pushnumber(L, (lua_Number)owner);
    lua_setfield(L, LUA_REGISTRYINDEX, key);
  }
  lua_pushboolean(L, gs_claim(name, owner));
  return 1;
}

/* ---- the module ---- */

static const luaL_Reg functions[] = {
    {"now", lgs_now},
    {"time", lgs_time},
    {"random", lgs_random},
    {"random_bytes", lgs_random_bytes},
    {"poll", lgs_poll},
    {"utf8_valid", lgs_utf8_valid},
    {"claim", lgs_claim},
    {"url_parse", lgs_url_parse},
    {"url_resolve", lgs_url_resolve},
    {"url_escape", lgs_url_escape},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_graphsocket_core(
    lua_State *L);

int luaopen_graphsocket_core(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg buf_meta[] = {{"__gc", lgs_buf_gc}, {NULL, NULL}};
  luaL_checkversion(L);
  lgs_make_class(L, LGS_BUF, none, buf_meta);
  luaL_newlib(L, functions);
  lua_pushliteral(L, GS_VERSION);
  lua_setfield(L, -2, "version");
  lgs_open_codec(L);
  lgs_open_engine(L);
  lgs_open_system(L);
  lgs_open_command(L);
  return 1;
}
