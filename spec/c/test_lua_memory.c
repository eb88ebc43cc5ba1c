/* csrc/lua_*.c out of memory: each allocation of Lua fails in its turn, alone
 * or with all that follow it, and each of the core, while a script uses every
 * function that allocates. Then an error comes out of the function; a script
 * that tries once more goes on, and what it began is answered exactly once; one
 * that does not is closed; and nothing crashes or is left.
 *
 * Lua itself is a shared library: what it holds is not counted, as lua_close
 * frees all of it. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thread_memory.h"

enum {
  ATTEMPTS_MAX = 5000,
  LUA_TRIES = 2, /* Lua tries once more, after a full collection */
  LUA_TRIES_IN_VAIN = 1000000,
};

int luaopen_graphsocket_core(lua_State *L);

/* What a script begins with. try(f, ...) calls f until it has the memory, and
 * returns what f does. */
static const char PRELUDE[] =
    "local open, scratch, gives_up = ...\n"
    "local function again(f, ok, first, ...)\n"
    "  if ok then return first, ... end\n"
    "  if not tostring(first):find 'memory' then error(first, 0) end\n"
    "  return again(f, pcall(f))\n"
    "end\n"
    "local function try(f)\n"
    "  if gives_up then return f() end\n"
    "  return again(f, pcall(f))\n"
    "end\n"
    "local core = try(open)\n";

/* Everything that needs no engine. */
static const char SMALL_THINGS[] =
    "local url = 'https://user@host:8443/a?b=c#d'\n"
    "local function must(name, ...)\n"
    "  local given = { ... }\n"
    "  return try(function()\n"
    "    return assert(core[name](given[1], given[2], given[3]))\n"
    "  end)\n"
    "end\n"
    "assert(must('url_parse', url).port == 8443)\n"
    "assert(must('url_resolve', url, '../x'))\n"
    "assert(must('url_escape', 'a b/c') == 'a%20b%2Fc')\n"
    "assert(not core.url_parse 'no url')\n"
    "assert(#must('random_bytes', 16) == 16)\n"
    "core.claim('memory')\n"
    "assert(must('packet', '2/chat,7[\"name\",1]') == 2)\n"
    "local path = scratch .. '/file'\n"
    "must('file_replace', path, 'text')\n"
    "assert(must('file_read', path, 99) == 'text')\n"
    "must('file_target', path)\n"
    "assert(not core.file_read(path .. '.absent', 99))\n"
    "try(function()\n"
    "  collectgarbage() -- the lock that failed before\n"
    "  local lock = assert(core.file_lock(path .. '.lock'))\n"
    "  assert(not core.file_lock(path .. '.lock'))\n"
    "  lock:close()\n"
    "end)\n";

/* A decoder without memory is no bad JSON. */
static const char A_DECODER[] =
    "local function decode(text) return { text, 2.0, { text .. 'x' } } end\n"
    "local value = try(function() return core.read_json(decode, '[1]') end)\n"
    "assert(value[3][1] == '[1]x')\n";

static const char A_PROCESS[] =
    "local process = try(function()\n"
    "  return assert(core.process('echo out; echo err >&2', {\n"
    "    input = 'x', environment = { 'A=b' } }))\n"
    "end)\n"
    "local function read() return process:read() end\n"
    "repeat\n"
    "  core.poll(-1, 0.001)\n"
    "  local _, _, code = try(read)\n"
    "until code\n"
    "process:close()\n";

static const char AN_ENGINE[] =
    "local engine = try(function()\n"
    "  local made, failure = core.engine()\n"
    "  return made or error(failure.message, 0)\n"
    "end)\n"
    "local connection = try(function()\n"
    "  return engine:open { host = '127.0.0.1', port = 1, path = '/' }\n"
    "end)\n"
    "local request = try(function()\n"
    "  return engine:request { url = 'http://127.0.0.1:1/' }\n"
    "end)\n"
    "local seen, wait = {}, engine:fd()\n"
    "local function next() return engine:next() end\n"
    "local function both() return seen[core.GONE] and seen[core.RESPONSE] end\n"
    "while not both() do\n"
    "  local kind, id, fields = try(next)\n"
    "  if kind then\n"
    "    seen[kind] = (seen[kind] or 0) + 1\n"
    "    local owner = kind == core.RESPONSE and request or connection:id()\n"
    "    assert(id == owner and (kind == core.GONE or fields))\n"
    "  else\n"
    "    assert(core.poll(wait, 20), 'waited in vain')\n"
    "  end\n"
    "end\n"
    "assert(seen[core.CLOSED] == 1 and seen[core.RESPONSE] == 1)\n"
    "assert(try(function() return connection:stats() end).sent_bytes == 0)\n"
    "assert(try(function() return tostring(connection) end):find 'closed')\n"
    "try(function() return engine:wake_listen() end)\n"
    "try(function() return engine:bell() end)\n"
    "try(function() return engine:alarm(1000) end)\n"
    "connection:close()\n"
    "engine:stop()\n";

/* ---- Lua's allocator, that fails ---- */

static lua_Alloc inner;
static void *inner_user;
static long lua_fail_in;    /* allocations until they fail; below 1: none */
static long lua_fail_tries; /* attempts that fail from then on */
static long lua_tries;      /* those that still do */
static bool lua_has_failed;

static void *allocate(void *user, void *block, size_t old_size, size_t size) {
  (void)user;
  bool grows = size > 0 && (!block || size > old_size);
  if (grows && lua_fail_in > 0 && --lua_fail_in == 0) {
    lua_tries = lua_fail_tries;
  }
  if (grows && lua_tries > 0) {
    lua_tries--;
    lua_has_failed = true;
    return NULL;
  }
  return inner(inner_user, block, old_size, size);
}

static lua_State *new_state(void) {
  lua_State *L = luaL_newstate();
  assert_non_null(L);
  luaL_openlibs(L);
  inner = lua_getallocf(L, &inner_user);
  lua_setallocf(L, allocate, NULL);
  return L;
}

/* ---- What is tried ---- */

static char scratch[] = "/tmp/graphsocket-XXXXXX";

static int make_scratch(void **state) {
  (void)state;
  return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state) {
  static const char *const names[] = {"/file", "/file.lock"};
  (void)state;
  for (int i = 0; i < 2; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s%s", scratch, names[i]);
    unlink(path);
  }
  return rmdir(scratch);
}

/* fail_lua begins to refuse Lua's allocation of number |at| and |tries|
 * attempts at it and those behind it. 0: none. */
static void fail_lua(long at, long tries) {
  lua_fail_in = at;
  lua_fail_tries = tries;
  lua_tries = 0;
  lua_has_failed = false;
}

static void fail_core(long at) {
  atomic_store(&has_failed, false);
  atomic_store(&fail_in, at);
}

/* load makes a state with the script and its arguments on its stack. */
static lua_State *load(const char *script, bool gives_up) {
  char source[8192];
  lua_State *L = new_state();
  snprintf(source, sizeof source, "%s%s", PRELUDE, script);
  assert_int_equal(luaL_loadstring(L, source), 0);
  lua_pushcfunction(L, luaopen_graphsocket_core);
  lua_pushstring(L, scratch);
  lua_pushboolean(L, gives_up);
  return L;
}

/* run runs what load left. It may fail for want of memory and nothing else. */
static void run(lua_State *L, long n) {
  if (!lua_pcall(L, 3, 0, 0)) return;
  const char *message = lua_tostring(L, -1);
  if (strstr(message, "memory")) return;
  fail_lua(0, 0), fail_core(0);
  fail_msg("allocation %ld: %s", n, message);
}

static void each_of_lua(const char *script, bool gives_up) {
  long n = 0, before = live;
  bool failed;
  do {
    lua_State *L = load(script, gives_up);
    fail_lua(++n, gives_up ? LUA_TRIES_IN_VAIN : LUA_TRIES);
    run(L, n);
    failed = lua_has_failed;
    lua_close(L); /* without memory too */
    fail_lua(0, 0);
    until_live(before);
  } while (failed && n < ATTEMPTS_MAX);
  assert_false(failed);
  assert_true(n > 1);
}

static void each_of_the_core(const char *script) {
  long n = 0, before = live;
  bool failed;
  do {
    lua_State *L = load(script, false);
    fail_core(++n);
    run(L, n);
    failed = atomic_load(&has_failed);
    lua_close(L);
    fail_core(0);
    until_live(before);
  } while (failed && n < ATTEMPTS_MAX);
  assert_false(failed);
  assert_true(n > 1);
}

static void lua_fails_in_small_things(void **state) {
  (void)state;
  each_of_lua(SMALL_THINGS, false);
  each_of_lua(SMALL_THINGS, true);
}

static void lua_fails_in_a_decoder(void **state) {
  (void)state;
  each_of_lua(A_DECODER, false);
  each_of_lua(A_DECODER, true);
}

static void lua_fails_around_a_process(void **state) {
  (void)state;
  each_of_lua(A_PROCESS, false);
  each_of_lua(A_PROCESS, true);
}

static void lua_fails_around_an_engine(void **state) {
  (void)state;
  each_of_lua(AN_ENGINE, false);
  each_of_lua(AN_ENGINE, true);
}

static void the_core_fails_in_small_things(void **state) {
  (void)state;
  each_of_the_core(SMALL_THINGS);
}

static void the_core_fails_around_a_process(void **state) {
  (void)state;
  each_of_the_core(A_PROCESS);
}

static void the_core_fails_around_an_engine(void **state) {
  (void)state;
  each_of_the_core(AN_ENGINE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lua_fails_in_small_things),
      cmocka_unit_test(lua_fails_in_a_decoder),
      cmocka_unit_test(lua_fails_around_a_process),
      cmocka_unit_test(lua_fails_around_an_engine),
      cmocka_unit_test(the_core_fails_in_small_things),
      cmocka_unit_test(the_core_fails_around_a_process),
      cmocka_unit_test(the_core_fails_around_an_engine),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
