/* What a command needs of the system and Lua's own library lacks: signals, its
 * standard descriptors, its terminal, its service manager. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lua_binding.h"
#include "notify.h"
#include "signals.h"

/* Descriptors that one wait can be for. */
enum { LGS_MAX_POLLED = 16 };

/* The signals that a program may ask for, by name. */
static const struct {
  const char *name;
  int number;
} lgs_signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"TERM", SIGTERM},
    {"PIPE", SIGPIPE}, {"CHLD", SIGCHLD}, {"WINCH", SIGWINCH},
};

enum { LGS_SIGNALS = sizeof lgs_signals / sizeof *lgs_signals };

static int lgs_check_signal(lua_State *L, int index) {
  const char *name = luaL_checkstring(L, index);
  for (int i = 0; i < LGS_SIGNALS; i++) {
    if (strcmp(lgs_signals[i].name, name) == 0) return lgs_signals[i].number;
  }
  return luaL_argerror(L, index, "HUP, INT, TERM, PIPE, CHLD or WINCH");
}

/* lgs_result returns true, or nil and the system's words for |error|. */
static int lgs_result(lua_State *L, int error) {
  if (error) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(-error));
    return 2;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* core.signal(name, how) with how "catch", "ignore" or "default". Returns true,
 * or nil, message. */
static int lgs_signal(lua_State *L) {
  static const char *const hows[] = {"catch", "ignore", "default", NULL};
  int number = lgs_check_signal(L, 1);
  switch (luaL_checkoption(L, 2, NULL, hows)) {
    case 0:
      return lgs_result(L, gs_signals_catch(number));
    case 1:
      return lgs_result(L, gs_signals_ignore(number));
    default:
      return lgs_result(L, gs_signals_default(number));
  }
}

/* core.signal_fd() returns the descriptor that is readable while a signal
 * waits, or -1. */
static int lgs_signal_fd(lua_State *L) {
  lua_pushinteger(L, gs_signals_fd());
  return 1;
}

/* core.signal_next() returns the name of a signal that came, or nil. */
static int lgs_signal_next(lua_State *L) {
  int number = gs_signals_next();
  for (int i = 0; i < LGS_SIGNALS; i++) {
    if (lgs_signals[i].number != number) continue;
    lua_pushstring(L, lgs_signals[i].name);
    return 1;
  }
  return 0;
}

/* core.signal_raise(name) has the signal do to this process what it does by
 * default: who waits for the process learns how it ended. */
static int lgs_signal_raise(lua_State *L) {
  int number = lgs_check_signal(L, 1);
  int error = gs_signals_default(number);
  if (!error && raise(number)) error = -errno;
  return lgs_result(L, error);
}

/* lgs_read_polled takes the descriptors of the list at |index| in. */
static int lgs_read_polled(lua_State *L, int index, short events,
                           struct pollfd *polled, int count) {
  luaL_checktype(L, index, LUA_TTABLE);
  for (int i = 1;; i++) {
    lua_rawgeti(L, index, i);
    if (lua_isnil(L, -1)) break;
    if (count == LGS_MAX_POLLED) luaL_error(L, "too many descriptors");
    polled[count++] =
        (struct pollfd){.fd = (int)luaL_checkinteger(L, -1), .events = events};
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return count;
}

/* core.poll_any(readable, hung_up, timeout) waits until a descriptor of the
 * first list is readable, or the other end of one of the second list is gone,
 * or |timeout| seconds (nil: no limit) have passed, or a signal came. Returns a
 * list of the descriptors to which that happened. */
static int lgs_poll_any(lua_State *L) {
  struct pollfd polled[LGS_MAX_POLLED];
  int count = lgs_read_polled(L, 1, POLLIN, polled, 0);
  count = lgs_read_polled(L, 2, 0, polled, count);
  double timeout = luaL_optnumber(L, 3, -1);
  int timeout_ms = -1;
  if (timeout >= 0) {
    double ms = ceil(timeout * 1000);
    timeout_ms = ms < INT32_MAX ? (int)ms : INT32_MAX;
  }
  int ready = poll(polled, (nfds_t)count, timeout_ms);
  if (ready < 0 && errno != EINTR && errno != EAGAIN) {
    return luaL_error(L, "poll: %s", strerror(errno));
  }
  lua_newtable(L);
  for (int i = 0, found = 0; ready > 0 && i < count; i++) {
    if (!polled[i].revents) continue;
    lua_pushinteger(L, polled[i].fd);
    lua_rawseti(L, -2, ++found);
  }
  return 1;
}

/* core.open_standard() puts /dev/null in the place of each standard descriptor
 * that is closed: else whatever is opened next is given its number, and what
 * this program and its commands print goes there. It is opened for reading
 * alone, so that the input is at its end, and a write fails as it did. */
static int lgs_open_standard(lua_State *L) {
  (void)L;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    /* The lowest number that is free: that of |fd|. */
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) break;
  }
  return 0;
}

/* core.read(fd) reads what is there, 64 KiB at most; waits if nothing is.
 * Returns a string, "" at the end, or nil, message. */
static int lgs_read(lua_State *L) {
  char piece[65536];
  ssize_t count;
  int fd = (int)luaL_checkinteger(L, 1);
  do {
    count = read(fd, piece, sizeof piece);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return lgs_result(L, -errno);
  lua_pushlstring(L, piece, (size_t)count);
  return 1;
}

/* core.terminal(fd) returns the columns of the terminal that |fd| is (80 if it
 * does not say), or nil if it is none. */
static int lgs_terminal(lua_State *L) {
  struct winsize size;
  int fd = (int)luaL_checkinteger(L, 1);
  if (!isatty(fd)) {
    lua_pushnil(L);
    return 1;
  }
  bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  lua_pushinteger(L, known ? size.ws_col : 80);
  return 1;
}

/* core.notify(socket, text): see notify.h. Returns true, or nil, message. */
static int lgs_notify(lua_State *L) {
  size_t len;
  const char *path = luaL_checkstring(L, 1);
  const char *text = luaL_checklstring(L, 2, &len);
  return lgs_result(L, gs_notify(path, text, len));
}

static int lgs_pid(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

static const luaL_Reg functions[] = {
    {"signal", lgs_signal},
    {"signal_fd", lgs_signal_fd},
    {"signal_next", lgs_signal_next},
    {"signal_raise", lgs_signal_raise},
    {"poll_any", lgs_poll_any},
    {"open_standard", lgs_open_standard},
    {"read", lgs_read},
    {"terminal", lgs_terminal},
    {"notify", lgs_notify},
    {"pid", lgs_pid},
    {NULL, NULL},
};

void lgs_open_command(lua_State *L) { luaL_setfuncs(L, functions, 0); }
