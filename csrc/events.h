/* What the I/O thread tells Lua, and what Lua tells the I/O thread: the kinds
 * of the records in the two queues (queue.h). */
#ifndef GS_EVENTS_H
#define GS_EVENTS_H

enum gs_event {
  GS_EVENT_OPEN = 1, /* fields: the Engine.IO handshake */
  GS_EVENT_MESSAGE,  /* the packet; GS_FLAG_BINARY */
  GS_EVENT_PING,     /* empty: the server showed life; see gs_link */
  GS_EVENT_CLOSED,   /* fields: why; exactly once for each COMMAND_OPEN */
  GS_EVENT_RESPONSE, /* fields: http.h; exactly once for each COMMAND_REQUEST */
  GS_EVENT_CLOCK,    /* empty: the clock jumped, or the machine slept */
  GS_EVENT_BELL,     /* empty: another process rang (bell.h); at most one waits
                      */
  GS_EVENT_GONE,     /* empty: nothing is left of a connection, what it had to
                        send is sent or given up; exactly once after CLOSED */
};

enum gs_command {
  GS_COMMAND_OPEN = 1, /* a gs_link pointer, then fields: connection.h */
  GS_COMMAND_SEND,     /* the packet; GS_FLAG_BINARY, GS_FLAG_COMPRESS */
  GS_COMMAND_RESUME,   /* empty: handlers made room */
  GS_COMMAND_CLOSE,    /* the close code, an int */
  GS_COMMAND_REQUEST,  /* fields: http.h */
  GS_COMMAND_CANCEL,   /* empty */
  GS_COMMAND_ALARM,    /* seconds from now, a double: wake Lua then */
  GS_COMMAND_BELL,     /* a gs_bell pointer: ring through it from now on */
  GS_COMMAND_STOP,     /* empty: the last one */
};

enum { GS_FLAG_BINARY = 1, GS_FLAG_COMPRESS = 2 };

#endif
