/* What the bounds measure of themselves. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static double cpu_us(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static double wall_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* resident_kb returns the resident memory of the process. */
static inline long resident_kb(void) {
  char line[128];
  long kb = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
  }
  if (file) fclose(file);
  return kb;
}

/* report prints the costs of |count| messages since |cpu| and |wall|. */
static void report(long count, double cpu, double wall) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  printf("{\"cpu_us\":%.3f,\"wall_us\":%.3f,", (cpu_us() - cpu) / (double)count,
         (wall_us() - wall) / (double)count);
  printf("\"total_cpu_ms\":%.3f,\"peak_mb\":%.1f}\n", cpu_us() / 1e3,
         (double)used.ru_maxrss / 1024);
}

#endif
