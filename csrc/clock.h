/* The clocks. [any] */
#ifndef GS_CLOCK_H
#define GS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Never goes back, and goes on while the machine is suspended, so that a
 * heartbeat missed in a suspend is seen at once. */
#ifdef CLOCK_BOOTTIME
  #define GS_CLOCK CLOCK_BOOTTIME
#else
  #define GS_CLOCK CLOCK_MONOTONIC
#endif

/* gs_clock_ms returns that clock in milliseconds. */
static inline uint64_t gs_clock_ms(void) {
  struct timespec now;
  clock_gettime(GS_CLOCK, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* gs_clock_seconds returns it in seconds. */
static inline double gs_clock_seconds(void) {
  struct timespec now;
  clock_gettime(GS_CLOCK, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* gs_clock_epoch returns the wall clock, in seconds since 1970. */
static inline double gs_clock_epoch(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
