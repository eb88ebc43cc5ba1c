/* What fuzz targets assert with: it ends the process, which libFuzzer takes for
 * a find. */
#ifndef GS_SPEC_REQUIRE_H
#define GS_SPEC_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition)                         \
  do {                                             \
    if (!(condition)) {                            \
      fprintf(stderr, "not so: %s\n", #condition); \
      abort();                                     \
    }                                              \
  } while (0)

#endif
