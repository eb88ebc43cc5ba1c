/* The clocks. [any] */
#ifndef GS_CLOCK_H
#define GS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* gs_clock_ms returns a time that never goes back and goes on while the
 * machine is suspended, so that a heartbeat missed in a suspend is seen at
 * once; in milliseconds. */
static inline uint64_t gs_clock_ms(void) {
  struct timespec now;
#ifdef CLOCK_BOOTTIME
  clock_gettime(CLOCK_BOOTTIME, &now);
#else
  clock_gettime(CLOCK_MONOTONIC, &now);
#endif
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* gs_clock_seconds returns the same time in seconds. */
static inline double gs_clock_seconds(void) {
  struct timespec now;
#ifdef CLOCK_BOOTTIME
  clock_gettime(CLOCK_BOOTTIME, &now);
#else
  clock_gettime(CLOCK_MONOTONIC, &now);
#endif
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* gs_clock_epoch returns the wall clock, in seconds since 1970. */
static inline double gs_clock_epoch(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
