/* The engine, its connections and its requests, as Lua sees them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bell.h"
#include "engine.h"
#include "errors.h"
#include "events.h"
#include "fields.h"
#include "link.h"
#include "lua_binding.h"

#define LGS_ENGINE "graphsocket.engine"
#define LGS_CONNECTION "graphsocket.connection"

/* An engine and its connections are collected in any order: what they share
 * is counted, and |engine| is NULL once it was stopped. */
typedef struct lgs_shared {
  gs_engine *engine;
  gs_record event; /* what engine:next() gives, while |has_event| */
  bool has_event;
  uint32_t last_id;
  int references;
} lgs_shared;

typedef struct lgs_engine {
  lgs_shared *shared;
} lgs_engine;

typedef struct lgs_connection {
  lgs_shared *shared;
  gs_link *link;
} lgs_connection;

static void lgs_shared_release(lgs_shared *shared) {
  if (--shared->references == 0) free(shared);
}

/* ---- fields ---- */

/* lgs_put_field appends the pair at the top of the stack (key at -2) without
 * raising. Returns 0 or an error; GS_ERR_OPTION for a type that is none. */
static int lgs_put_field(lua_State *L, gs_buf *fields) {
  size_t len;
  if (lua_type(L, -2) != LUA_TSTRING) return GS_ERR_OPTION;
  const char *key = lua_tostring(L, -2);
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
      const char *text = lua_tolstring(L, -1, &len);
      return gs_fields_put_string(fields, key, text, len);
    }
    case LUA_TNUMBER:
      return gs_fields_put_number(fields, key, lua_tonumber(L, -1));
    case LUA_TBOOLEAN:
      return gs_fields_put_bool(fields, key, lua_toboolean(L, -1));
    default:
      return GS_ERR_OPTION;
  }
}

/* lgs_read_fields turns the flat table at |index| into fields, or raises. */
static void lgs_read_fields(lua_State *L, int index, gs_buf *fields) {
  int err = 0;
  luaL_checktype(L, index, LUA_TTABLE);
  gs_buf_init(fields, GS_MAX_UNSENT);
  lua_pushnil(L);
  while (!err && lua_next(L, index)) {
    err = lgs_put_field(L, fields);
    lua_pop(L, 1);
  }
  if (!err) return;
  gs_buf_free(fields);
  luaL_error(L, err == GS_ERR_OPTION
                    ? "the options must be a flat table of strings, numbers "
                      "and booleans"
                    : gs_error_text(err));
}

/* lgs_push_number pushes an integer where the number is one: 404, not 404.0. */
static void lgs_push_number(lua_State *L, double number) {
  if (number == floor(number) && fabs(number) < 0x1p53) {
    lua_pushinteger(L, (lua_Integer)number);
  } else {
    lua_pushnumber(L, number);
  }
}

void lgs_push_fields(lua_State *L, const void *fields, size_t len) {
  gs_field field;
  size_t offset = 0;
  lua_newtable(L);
  while (gs_fields_next(fields, len, &offset, &field)) {
    switch (field.type) {
      case GS_FIELD_STRING:
        lua_pushlstring(L, field.string, field.len);
        break;
      case GS_FIELD_NUMBER:
        lgs_push_number(L, field.number);
        break;
      case GS_FIELD_BOOL:
        lua_pushboolean(L, field.number != 0);
        break;
    }
    lua_setfield(L, -2, field.key);
  }
}

/* lgs_fail returns nil and an error's name, as connection methods do. */
static int lgs_fail(lua_State *L, int err) {
  lua_pushnil(L);
  lua_pushstring(L, gs_error_name(err));
  return 2;
}

/* ---- engine ---- */

static gs_engine *lgs_check_engine(lua_State *L, lgs_shared **shared) {
  lgs_engine *self = lgs_check_self(L, LGS_ENGINE);
  if (!self->shared || !self->shared->engine) {
    luaL_error(L, "the engine was stopped");
  }
  if (gs_engine_forked(self->shared->engine)) {
    luaL_error(L,
               "this process was forked after graphsocket was started in its "
               "parent: open new connections before forking, or load "
               "graphsocket only in the child");
  }
  *shared = self->shared;
  return self->shared->engine;
}

/* core.engine() starts an I/O thread. Returns the engine, or nil and a table
 * like that of a CLOSED event. */
static int lgs_engine_new(lua_State *L) {
  char text[256];
  lgs_engine *self = lua_newuserdata(L, sizeof *self);
  self->shared = NULL;
  luaL_setmetatable(L, LGS_ENGINE);
  self->shared = calloc(1, sizeof *self->shared);
  if (!self->shared) return luaL_error(L, "out of memory");
  self->shared->references = 1;
  self->shared->engine = gs_engine_new(text, sizeof text);
  if (self->shared->engine) return 1;
  lua_pushnil(L);
  lua_newtable(L);
  lua_pushstring(L, gs_error_kind(GS_ERR_THREAD));
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, gs_error_name(GS_ERR_THREAD));
  lua_setfield(L, -2, "code");
  lua_pushstring(L, text);
  lua_setfield(L, -2, "message");
  return 2;
}

/* engine:stop(), __gc, __close: joins the I/O thread, within 200 ms. */
static int lgs_engine_stop(lua_State *L) {
  lgs_engine *self = lgs_check_self(L, LGS_ENGINE);
  lgs_shared *shared = self->shared;
  if (!shared) return 0;
  self->shared = NULL;
  gs_engine_free(shared->engine);
  shared->engine = NULL;
  lgs_shared_release(shared);
  return 0;
}

static int lgs_engine_tostring(lua_State *L) {
  lgs_engine *self = lgs_check_self(L, LGS_ENGINE);
  lua_pushfstring(L, LGS_ENGINE ": %s", self->shared ? "running" : "stopped");
  return 1;
}

/* engine:fd() returns the descriptor to wait for. */
static int lgs_engine_fd(lua_State *L) {
  lgs_shared *shared;
  lua_pushinteger(L, gs_engine_fd(lgs_check_engine(L, &shared)));
  return 1;
}

/* engine:wake() makes the descriptor readable once. */
static int lgs_engine_wake(lua_State *L) {
  lgs_shared *shared;
  gs_engine_wake(lgs_check_engine(L, &shared));
  return 0;
}

/* engine:alarm(seconds) makes the descriptor readable once, later; a new alarm
 * replaces the old one. */
static int lgs_engine_alarm(lua_State *L) {
  lgs_shared *shared;
  gs_engine *engine = lgs_check_engine(L, &shared);
  double seconds = luaL_checknumber(L, 2);
  if (!(seconds >= 0)) seconds = 0;
  if (seconds > 1e9) seconds = 1e9; /* 30 years fit into libuv's clock */
  int err = gs_engine_command(engine, GS_COMMAND_ALARM, 0, 0, NULL, 0, &seconds,
                              sizeof seconds);
  if (err) return luaL_error(L, "%s", gs_error_text(err));
  return 0;
}

/* lgs_push_event pushes kind, id and what the kind carries. Returns how many
 * values. */
static int lgs_push_event(lua_State *L, const gs_record *event) {
  lua_pushinteger(L, event->kind);
  lua_pushinteger(L, (lua_Integer)event->id);
  switch ((enum gs_event)event->kind) {
    case GS_EVENT_MESSAGE:
      lua_pushlstring(L, (const char *)event->data, event->len);
      lua_pushboolean(L, event->flags & GS_FLAG_BINARY);
      return 4;
    case GS_EVENT_OPEN:
    case GS_EVENT_CLOSED:
    case GS_EVENT_RESPONSE:
      lgs_push_fields(L, event->data, event->len);
      return 3;
    case GS_EVENT_PING:
    case GS_EVENT_CLOCK:
    case GS_EVENT_BELL:
    case GS_EVENT_GONE:
      break;
  }
  return 2;
}

/* engine:next() returns kind, id and what the kind carries; or nothing. Where
 * Lua has no memory for an event, the next call gives it: it may be the only
 * word of a connection's end. */
static int lgs_engine_next(lua_State *L) {
  lgs_shared *shared;
  gs_engine *engine = lgs_check_engine(L, &shared);
  if (!shared->has_event) {
    shared->has_event = gs_engine_next(engine, &shared->event);
  }
  if (!shared->has_event) return 0;
  int count = lgs_push_event(L, &shared->event);
  shared->has_event = false;
  return count;
}

/* lgs_push_path pushes a path, or nil, message after -errno. */
static int lgs_push_path(lua_State *L, int err, const char *path) {
  if (!err) return lua_pushstring(L, path), 1;
  lua_pushnil(L);
  lua_pushstring(L, strerror(-err));
  return 2;
}

/* engine:wake_listen() returns the path of a Unix socket to connect to, or nil,
 * message; engine:wake_accept() makes that connection readable whenever fd()
 * would be, and returns true, or nil, message. */
static int lgs_engine_wake_listen(lua_State *L) {
  lgs_shared *shared;
  const char *path;
  int err = gs_engine_listen(lgs_check_engine(L, &shared), &path);
  return lgs_push_path(L, err, path);
}

static int lgs_engine_wake_accept(lua_State *L) {
  lgs_shared *shared;
  int err = gs_engine_accept(lgs_check_engine(L, &shared));
  if (err) return lgs_push_path(L, err, NULL);
  lua_pushboolean(L, 1);
  return 1;
}

/* engine:bell() returns the path at which other processes ring, or nil,
 * message. */
static int lgs_engine_bell(lua_State *L) {
  lgs_shared *shared;
  const char *path;
  int err = gs_engine_bell(lgs_check_engine(L, &shared), &path);
  return lgs_push_path(L, err, path);
}

/* core.ring(path) rings a bell. Returns true, or nil, message. */
static int lgs_ring(lua_State *L) {
  int err = gs_bell_ring(luaL_checkstring(L, 1));
  if (err) return lgs_push_path(L, err, NULL);
  lua_pushboolean(L, 1);
  return 1;
}

static uint32_t lgs_next_id(lgs_shared *shared) {
  if (++shared->last_id == 0) shared->last_id = 1;
  return shared->last_id;
}

/* lgs_command sends a command whose payload is |fields|, which it frees. */
static int lgs_command(lgs_shared *shared, uint16_t kind, uint32_t id,
                       const void *head, size_t head_len, gs_buf *fields) {
  int err = gs_engine_command(shared->engine, kind, 0, id, head, head_len,
                              fields->data, fields->len);
  if (fields->data) explicit_bzero(fields->data, fields->len);
  gs_buf_free(fields);
  return err;
}

/* engine:open(options) begins a connection and returns it. */
static int lgs_engine_open(lua_State *L) {
  lgs_shared *shared;
  gs_buf fields;
  lgs_check_engine(L, &shared);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_getfield(L, 2, "max_queue");
  double max_queue = luaL_optnumber(L, -1, GS_MAX_QUEUE);
  lgs_connection *connection = lua_newuserdata(L, sizeof *connection);
  *connection = (lgs_connection){0};
  luaL_setmetatable(L, LGS_CONNECTION);
  lgs_read_fields(L, 2, &fields);
  connection->link =
      gs_link_new(lgs_next_id(shared),
                  max_queue < (double)SIZE_MAX ? (size_t)max_queue : SIZE_MAX);
  if (!connection->link) {
    gs_buf_free(&fields);
    return luaL_error(L, "out of memory");
  }
  gs_link *link = gs_link_retain(connection->link); /* the command's */
  int err = lgs_command(shared, GS_COMMAND_OPEN, link->id, &link, sizeof link,
                        &fields);
  if (err) {
    gs_link_release(link);
    return luaL_error(L, "%s", gs_error_text(err));
  }
  connection->shared = shared;
  shared->references++;
  return 1;
}

/* engine:request(options) begins an HTTP request and returns its id. */
static int lgs_engine_request(lua_State *L) {
  lgs_shared *shared;
  gs_buf fields;
  lgs_check_engine(L, &shared);
  lgs_read_fields(L, 2, &fields);
  uint32_t id = lgs_next_id(shared);
  int err = lgs_command(shared, GS_COMMAND_REQUEST, id, NULL, 0, &fields);
  if (err) return luaL_error(L, "%s", gs_error_text(err));
  lua_pushinteger(L, (lua_Integer)id);
  return 1;
}

/* engine:cancel(id) ends a request: its RESPONSE says CANCELLED. */
static int lgs_engine_cancel(lua_State *L) {
  lgs_shared *shared;
  gs_engine *engine = lgs_check_engine(L, &shared);
  uint32_t id = (uint32_t)luaL_checkinteger(L, 2);
  int err =
      gs_engine_command(engine, GS_COMMAND_CANCEL, 0, id, NULL, 0, NULL, 0);
  if (err) return luaL_error(L, "%s", gs_error_text(err));
  return 0;
}

/* ---- connection ---- */

static lgs_connection *lgs_check_connection(lua_State *L) {
  return lgs_check_self(L, LGS_CONNECTION);
}

/* lgs_usable returns 0 if the connection can take a command. */
static int lgs_usable(const lgs_connection *self) {
  if (!self->shared || !self->shared->engine) return GS_ERR_CLOSED;
  if (gs_engine_forked(self->shared->engine)) return GS_ERR_FORKED;
  return atomic_load(&self->link->closed) ? GS_ERR_CLOSED : 0;
}

static int lgs_connection_id(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  lua_pushinteger(L, self->link ? (lua_Integer)self->link->id : 0);
  return 1;
}

/* connection:send(data, binary, compress) hands one packet to the I/O thread.
 * Returns true, or nil and CLOSED, FULL, FORKED or NOMEM. */
static int lgs_connection_send(lua_State *L) {
  size_t len;
  lgs_connection *self = lgs_check_connection(L);
  const char *data = luaL_checklstring(L, 2, &len);
  int flags = (lua_toboolean(L, 3) ? GS_FLAG_BINARY : 0) |
              (lua_toboolean(L, 4) ? GS_FLAG_COMPRESS : 0);
  int err = lgs_usable(self);
  if (err) return lgs_fail(L, err);
  size_t unsent = atomic_load(&self->link->unsent);
  if (unsent && (len > GS_MAX_UNSENT || unsent > GS_MAX_UNSENT - len)) {
    return lgs_fail(L, GS_ERR_FULL);
  }
  atomic_fetch_add(&self->link->unsent, len);
  err = gs_engine_command(self->shared->engine, GS_COMMAND_SEND,
                          (uint16_t)flags, self->link->id, NULL, 0, data, len);
  if (err) {
    atomic_fetch_sub(&self->link->unsent, len);
    return lgs_fail(L, err);
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* connection:writable() tells whether nothing waits to be sent. */
static int lgs_connection_writable(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  lua_pushboolean(L, !lgs_usable(self) && !atomic_load(&self->link->unsent));
  return 1;
}

/* connection:tell_pings(on) says whether each ping is to be an event. At first
 * none is; stats() has the time of the last one in any case. */
static int lgs_connection_tell_pings(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  if (self->link) {
    atomic_store(&self->link->tells_pings, lua_toboolean(L, 2));
  }
  return 0;
}

/* connection:release(bytes) says that a message of that length was handled, or
 * a ping, which has none. */
static int lgs_connection_release(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  size_t bytes = (size_t)luaL_checkinteger(L, 2) + GS_EVENT_OVERHEAD;
  if (lgs_usable(self)) return 0;
  gs_link *link = self->link;
  size_t before = atomic_fetch_sub(&link->queued, bytes);
  if (atomic_load(&link->paused) && before - bytes <= link->max_queue / 2) {
    int err = gs_engine_command(self->shared->engine, GS_COMMAND_RESUME, 0,
                                link->id, NULL, 0, NULL, 0);
    if (err) return luaL_error(L, "%s", gs_error_text(err));
  }
  return 0;
}

/* connection:retain(bytes) takes a release back: the message waits again. */
static int lgs_connection_retain(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  size_t bytes = (size_t)luaL_checkinteger(L, 2) + GS_EVENT_OVERHEAD;
  if (!lgs_usable(self)) atomic_fetch_add(&self->link->queued, bytes);
  return 0;
}

/* connection:close([code]) ends the connection; CLOSED follows. The default is
 * RFC 6455's normal closure. */
static int lgs_connection_close(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  int code = (int)luaL_optinteger(L, 2, 1000);
  if (lgs_usable(self)) return 0;
  int err = gs_engine_command(self->shared->engine, GS_COMMAND_CLOSE, 0,
                              self->link->id, NULL, 0, &code, sizeof code);
  if (err) return luaL_error(L, "%s", gs_error_text(err));
  return 0;
}

/* __gc: as close, and lets go of everything. */
static int lgs_connection_gc(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  const int code = 1000;
  if (!lgs_usable(self)) {
    /* Out of memory here, the engine's end closes it. */
    int err = gs_engine_command(self->shared->engine, GS_COMMAND_CLOSE, 0,
                                self->link->id, NULL, 0, &code, sizeof code);
    (void)err;
  }
  if (self->shared) lgs_shared_release(self->shared);
  gs_link_release(self->link);
  *self = (lgs_connection){0};
  return 0;
}

static int lgs_connection_tostring(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  lua_pushfstring(L, LGS_CONNECTION ": %s",
                  lgs_usable(self) ? "closed" : "open");
  return 1;
}

static void lgs_set_number(lua_State *L, const char *key, double number) {
  lgs_push_number(L, number);
  lua_setfield(L, -2, key);
}

/* connection:stats() returns the counters, bytes and messages. */
static int lgs_connection_stats(lua_State *L) {
  lgs_connection *self = lgs_check_connection(L);
  gs_link *link = self->link;
  lua_newtable(L);
  if (!link) return 1;
  lgs_set_number(L, "queued_bytes", (double)atomic_load(&link->queued));
  lgs_set_number(L, "unsent_bytes", (double)atomic_load(&link->unsent));
  lgs_set_number(L, "received_bytes",
                 (double)atomic_load(&link->received_bytes));
  lgs_set_number(L, "sent_bytes", (double)atomic_load(&link->sent_bytes));
  lgs_set_number(L, "received_messages",
                 (double)atomic_load(&link->received_messages));
  lgs_set_number(L, "sent_messages", (double)atomic_load(&link->sent_messages));
  double last_ping_at = atomic_load(&link->last_ping_at);
  if (last_ping_at > 0) lgs_set_number(L, "last_ping_at", last_ping_at);
  lua_pushboolean(L, atomic_load(&link->paused));
  lua_setfield(L, -2, "paused");
  return 1;
}

/* ---- the module ---- */

static const luaL_Reg engine_methods[] = {
    {"fd", lgs_engine_fd},
    {"wake", lgs_engine_wake},
    {"next", lgs_engine_next},
    {"open", lgs_engine_open},
    {"request", lgs_engine_request},
    {"cancel", lgs_engine_cancel},
    {"stop", lgs_engine_stop},
    {"alarm", lgs_engine_alarm},
    {"wake_listen", lgs_engine_wake_listen},
    {"wake_accept", lgs_engine_wake_accept},
    {"bell", lgs_engine_bell},
    {NULL, NULL},
};

static const luaL_Reg engine_meta[] = {
    {"__gc", lgs_engine_stop},
    {"__close", lgs_engine_stop},
    {"__tostring", lgs_engine_tostring},
    {NULL, NULL},
};

static const luaL_Reg connection_methods[] = {
    {"id", lgs_connection_id},
    {"send", lgs_connection_send},
    {"writable", lgs_connection_writable},
    {"release", lgs_connection_release},
    {"retain", lgs_connection_retain},
    {"tell_pings", lgs_connection_tell_pings},
    {"close", lgs_connection_close},
    {"stats", lgs_connection_stats},
    {NULL, NULL},
};

static const luaL_Reg connection_meta[] = {
    {"__gc", lgs_connection_gc},
    {"__close", lgs_connection_gc},
    {"__tostring", lgs_connection_tostring},
    {NULL, NULL},
};

void lgs_open_engine(lua_State *L) {
  static const struct {
    const char *name;
    int kind;
  } kinds[] = {
      {"OPEN", GS_EVENT_OPEN},         {"MESSAGE", GS_EVENT_MESSAGE},
      {"PING", GS_EVENT_PING},         {"CLOSED", GS_EVENT_CLOSED},
      {"RESPONSE", GS_EVENT_RESPONSE}, {"CLOCK", GS_EVENT_CLOCK},
      {"GONE", GS_EVENT_GONE},         {"BELL", GS_EVENT_BELL},
  };
  lgs_make_class(L, LGS_ENGINE, engine_methods, engine_meta);
  lgs_make_class(L, LGS_CONNECTION, connection_methods, connection_meta);
  lua_pushcfunction(L, lgs_engine_new);
  lua_setfield(L, -2, "engine");
  lua_pushcfunction(L, lgs_ring);
  lua_setfield(L, -2, "ring");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    lua_pushinteger(L, kinds[i].kind);
    lua_setfield(L, -2, kinds[i].name);
  }
}
