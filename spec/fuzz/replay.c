/* Runs a fuzz target on files, without a fuzzer: what "make fuzz-coverage"
 * measures is what the committed corpora reach.
 *   replay-TARGET FILE... */
#include <stdint.h>

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);

/* For the targets that have a mutator of their own; nothing is mutated here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max) {
  (void)data;
  return len < max ? len : max;
}

static void run(const char *path) {
  static uint8_t data[1 << 20];
  FILE *file = fopen(path, "rb");
  REQUIRE(file);
  size_t len = fread(data, 1, sizeof data, file);
  fclose(file);
  LLVMFuzzerTestOneInput(data, len);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) run(argv[i]);
  printf("%d inputs\n", argc - 1);
  return 0;
}
