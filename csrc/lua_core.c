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

/* In a protected call: the memory for a string may fail to be had, and the
 * buffers must not be lost then. */
static int lgs_push_bytes(lua_State *L) {
  const gs_buf *bufs = lua_touserdata(L, 1);
  int count = (int)lua_tointeger(L, 2);
  luaL_checkstack(L, count, "buffers");
  for (int i = 0; i < count; i++) {
    lua_pushlstring(L, (const char *)bufs[i].data, bufs[i].len);
  }
  return count;
}

void lgs_push_bufs(lua_State *L, gs_buf *bufs, int count) {
  lua_pushcfunction(L, lgs_push_bytes);
  lua_pushlightuserdata(L, bufs);
  lua_pushinteger(L, count);
  int err = lua_pcall(L, 2, count, 0);
  for (int i = 0; i < count; i++) gs_buf_free(&bufs[i]);
  if (err) lua_error(L);
}

/* ---- URLs ---- */

static int lgs_push_url_error(lua_State *L, gs_buf *buf, int err) {
  gs_buf_free(buf);
  lua_pushnil(L);
  lua_pushstring(L, gs_error_text(err));
  return 2;
}

/* lgs_push_url_fault is for gs_url_parse, which says what is wrong. */
static int lgs_push_url_fault(lua_State *L, gs_buf *fields, int err) {
  char text[256];
  const char *message = gs_fields_get_text(fields->data, fields->len, "message",
                                           gs_error_text(err));
  snprintf(text, sizeof text, "%s", message);
  gs_buf_free(fields);
  lua_pushnil(L);
  lua_pushstring(L, text);
  return 2;
}

/* core.url_parse(text) returns a table of the URL's parts, or nil, message. */
static int lgs_url_parse(lua_State *L) {
  gs_buf fields;
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  gs_buf_init(&fields, GS_MAX_PAYLOAD);
  int err = strlen(text) == len ? gs_url_parse(text, &fields) : GS_ERR_URL;
  if (err) return lgs_push_url_fault(L, &fields, err);
  /* A copy that Lua owns: building the table may raise. */
  lgs_push_bufs(L, &fields, 1);
  const char *copy = lua_tolstring(L, -1, &len);
  lgs_push_fields(L, copy, len);
  return 1;
}

/* core.url_resolve(base, reference) returns the absolute URL, or nil, message.
 */
static int lgs_url_resolve(lua_State *L) {
  gs_buf out;
  const char *base = luaL_checkstring(L, 1);
  const char *reference = luaL_checkstring(L, 2);
  gs_buf_init(&out, GS_MAX_PAYLOAD);
  int err = gs_url_resolve(base, reference, &out);
  if (err) return lgs_push_url_error(L, &out, err);
  lgs_push_bufs(L, &out, 1);
  return 1;
}

/* core.url_escape(text) percent-encodes all but the unreserved characters. */
static int lgs_url_escape(lua_State *L) {
  gs_buf out;
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  gs_buf_init(&out, GS_MAX_PAYLOAD);
  int err = gs_url_escape(text, len, &out);
  if (err) return lgs_push_url_error(L, &out, err);
  lgs_push_bufs(L, &out, 1);
  return 1;
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
  luaL_checkversion(L);
  luaL_newlib(L, functions);
  lua_pushliteral(L, GS_VERSION);
  lua_setfield(L, -2, "version");
  lgs_open_codec(L);
  lgs_open_engine(L);
  lgs_open_system(L);
  lgs_open_command(L);
  return 1;
}
