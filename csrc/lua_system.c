/* Files and child processes, as Lua sees them: what a cursor, a token cache and
 * a token command need and Lua's own library lacks. These calls block for as
 * long as the disk does. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"
#include "file.h"
#include "gs.h"
#include "lua_binding.h"
#include "process.h"

#define LGS_LOCK "graphsocket.lock"
#define LGS_PROCESS "graphsocket.process"

/* The most that a command may print between two looks, in bytes. */
enum { LGS_PROCESS_OUTPUT = 1 << 20 };

/* ---- files ---- */

/* What a script may want to tell apart; else "failed". */
static const char *lgs_file_reason(int error) {
  switch (error) {
    case -ENOENT:
      return "absent";
    case GS_FILE_EXPOSED:
      return "exposed";
    case GS_FILE_NOT_REGULAR:
      return "not a file";
    case GS_FILE_TOO_BIG:
      return "too big";
    default:
      return "failed";
  }
}

/* lgs_push_file_error pushes nil, one line, and a word to tell errors apart. */
static int lgs_push_file_error(lua_State *L, int error) {
  char text[256];
  lua_pushnil(L);
  lua_pushstring(L, gs_file_text(error, text, sizeof text));
  lua_pushstring(L, lgs_file_reason(error));
  return 3;
}

/* core.file_read(path, max_bytes, private) returns the content, or nil,
 * message, reason. |private|: refuse a file that others may read or write. */
static int lgs_file_read(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  lua_Integer max_bytes = luaL_checkinteger(L, 2);
  bool is_private = lua_toboolean(L, 3);
  gs_buf *out = lgs_new_buf(L, max_bytes > 0 ? (size_t)max_bytes : 0);
  int err = gs_file_read(path, is_private, out);
  if (err) return lgs_push_file_error(L, err);
  lgs_push_buf(L, out);
  return 1;
}

/* core.file_replace(path, data, mode) makes |data| the file's content, all of
 * it or nothing. Returns true, or nil, message, reason. */
static int lgs_file_replace(lua_State *L) {
  size_t len;
  const char *step = "";
  const char *path = luaL_checkstring(L, 1);
  const char *data = luaL_checklstring(L, 2, &len);
  mode_t mode = (mode_t)luaL_optinteger(L, 3, 0600);
  int err = gs_file_replace(path, data, len, mode, &step);
  if (!err) {
    lua_pushboolean(L, 1);
    return 1;
  }
  char text[256];
  lua_pushnil(L);
  lua_pushfstring(L, "cannot %s it: %s", step,
                  gs_file_text(err, text, sizeof text));
  lua_pushstring(L, lgs_file_reason(err));
  return 3;
}

/* core.file_target(path) returns the name of the file that it leads to, or nil,
 * message, reason. */
static int lgs_file_target(lua_State *L) {
  char target[PATH_MAX];
  int err = gs_file_target(luaL_checkstring(L, 1), target);
  if (err) return lgs_push_file_error(L, err);
  lua_pushstring(L, target);
  return 1;
}

/* core.file_sweep(path) removes the temporary files that killed processes left
 * beside the file. For who holds the lock of all who replace it. */
static int lgs_file_sweep(lua_State *L) {
  gs_file_sweep(luaL_checkstring(L, 1));
  return 0;
}

/* core.make_folders(path) makes the folder and those above it, for nobody else
 * (mode 0700). Returns true, or nil, message, reason. */
static int lgs_make_folders(lua_State *L) {
  int err = gs_file_make_folders(luaL_checkstring(L, 1), 0700);
  if (err) return lgs_push_file_error(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

typedef struct lgs_lock {
  int fd;    /* -1: closed */
  pid_t pid; /* of who took it */
} lgs_lock;

/* core.file_lock(path) returns a lock, or nil, message, and the process id of
 * whoever holds it (nil if nobody does). */
static int lgs_file_lock(lua_State *L) {
  long holder = 0;
  const char *path = luaL_checkstring(L, 1);
  lgs_lock *lock = lua_newuserdata(L, sizeof *lock);
  *lock = (lgs_lock){.fd = -1, .pid = getpid()};
  luaL_setmetatable(L, LGS_LOCK);
  int err = lock->fd = gs_file_lock(path, &holder);
  if (err >= 0) return 1;
  lgs_push_file_error(L, err);
  lua_pop(L, 1);
  if (err != -EWOULDBLOCK) return 2;
  lua_pushinteger(L, (lua_Integer)holder);
  return 3;
}

/* lock:close(), __gc, __close */
static int lgs_lock_close(lua_State *L) {
  lgs_lock *lock = luaL_checkudata(L, 1, LGS_LOCK);
  if (lock->fd >= 0 && lock->pid == getpid()) {
    gs_file_unlock(lock->fd);
  } else if (lock->fd >= 0) {
    close(lock->fd); /* it is the parent's, and not a child's to give back */
  }
  lock->fd = -1;
  return 0;
}

/* ---- processes ---- */

/* lgs_check_environment returns the list at |index| as pointers, which live as
 * long as the list and what this leaves on the stack; NULL for nil. */
static const char *const *lgs_check_environment(lua_State *L, int index) {
  if (lua_isnil(L, index)) return NULL;
  luaL_checktype(L, index, LUA_TTABLE);
  size_t count = lua_rawlen(L, index);
  const char **list = lua_newuserdata(L, (count + 1) * sizeof *list);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, index, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) {
      luaL_error(L, "the environment must be a list of strings");
    }
    list[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  list[count] = NULL;
  return list;
}

/* core.process(command, options) starts a shell command. Options, as of
 * process.h: environment (a list of "NAME=value"), input (a string), inherit.
 * Returns it, or nil, message. */
static int lgs_process_new(lua_State *L) {
  gs_process_options options = {0};
  const char *command = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_getfield(L, 2, "input");
  if (!lua_isnil(L, 3)) {
    options.input = luaL_checklstring(L, 3, &options.input_len);
  }
  lua_getfield(L, 2, "inherit");
  options.inherits_output = lua_toboolean(L, 4);
  lua_getfield(L, 2, "environment");
  options.environment = lgs_check_environment(L, 5);
  gs_process **process = lua_newuserdata(L, sizeof *process);
  *process = NULL;
  luaL_setmetatable(L, LGS_PROCESS);
  int err = gs_process_start(command, &options, process);
  if (!err) return 1;
  lua_pushnil(L);
  lua_pushstring(L, strerror(-err));
  return 2;
}

/* process:read() returns what was printed since the last call, on stdout and on
 * stderr, and the exit code once the command has ended (-1: unknown). It never
 * waits. Of what was printed at once, LGS_PROCESS_OUTPUT bytes at most are
 * returned, and the rest may be lost. */
static int lgs_process_read(lua_State *L) {
  gs_process **process = luaL_checkudata(L, 1, LGS_PROCESS);
  int code = 0;
  if (!*process) return luaL_error(L, "the process was closed");
  gs_buf *out = lgs_new_buf(L, LGS_PROCESS_OUTPUT);
  gs_buf *errors = lgs_new_buf(L, LGS_PROCESS_OUTPUT);
  bool ended = gs_process_ended(*process, &code);
  int err = gs_process_read(*process, out, errors);
  if (err && err != GS_ERR_TOO_BIG) {
    return luaL_error(L, "%s", gs_error_text(err));
  }
  lgs_push_buf(L, out);
  lgs_push_buf(L, errors);
  if (!ended) return 2;
  lua_pushinteger(L, code);
  return 3;
}

/* process:code() returns the exit code once the command has ended, else nil. */
static int lgs_process_code(lua_State *L) {
  gs_process **process = luaL_checkudata(L, 1, LGS_PROCESS);
  int code = 0;
  if (!*process) return luaL_error(L, "the process was closed");
  if (!gs_process_ended(*process, &code)) return 0;
  lua_pushinteger(L, code);
  return 1;
}

/* process:terminate() asks the command, and all that it started, to end. */
static int lgs_process_terminate(lua_State *L) {
  gs_process **process = luaL_checkudata(L, 1, LGS_PROCESS);
  lua_pushboolean(L, *process && !gs_process_signal(*process, SIGTERM));
  return 1;
}

/* process:close(), __gc, __close: kills the command if it has not ended. */
static int lgs_process_close(lua_State *L) {
  gs_process **process = luaL_checkudata(L, 1, LGS_PROCESS);
  gs_process_free(*process);
  *process = NULL;
  return 0;
}

/* ---- the module ---- */

static const luaL_Reg lock_methods[] = {{"close", lgs_lock_close},
                                        {NULL, NULL}};
static const luaL_Reg lock_meta[] = {
    {"__gc", lgs_lock_close}, {"__close", lgs_lock_close}, {NULL, NULL}};
static const luaL_Reg process_methods[] = {{"read", lgs_process_read},
                                           {"code", lgs_process_code},
                                           {"terminate", lgs_process_terminate},
                                           {"close", lgs_process_close},
                                           {NULL, NULL}};
static const luaL_Reg process_meta[] = {
    {"__gc", lgs_process_close}, {"__close", lgs_process_close}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"file_read", lgs_file_read},       {"file_replace", lgs_file_replace},
    {"file_target", lgs_file_target},   {"file_sweep", lgs_file_sweep},
    {"make_folders", lgs_make_folders}, {"file_lock", lgs_file_lock},
    {"process", lgs_process_new},       {NULL, NULL},
};

void lgs_open_system(lua_State *L) {
  lgs_make_class(L, LGS_LOCK, lock_methods, lock_meta);
  lgs_make_class(L, LGS_PROCESS, process_methods, process_meta);
  luaL_setfuncs(L, functions, 0);
}
