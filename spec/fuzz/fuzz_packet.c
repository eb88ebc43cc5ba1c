/* Fuzz target of csrc/packet.c. Build and run:
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Icsrc \
 *     spec/fuzz/fuzz_packet.c csrc/packet.c csrc/errors.c
 *   ./a.out spec/fuzz/corpus/packet
 *
 * Asserted: a code of errors.def or a packet whose parts lie inside the text,
 * in order, within their bounds; and the head that is written anew from the
 * parts is read as the same packet. */
#include "packet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "require.h"

static void check_parts(const char *text, size_t len, const gs_packet *packet) {
  REQUIRE(packet->type >= GS_PACKET_CONNECT);
  REQUIRE(packet->type <= GS_PACKET_CONNECT_ERROR);
  REQUIRE(packet->payload <= len);
  REQUIRE(packet->attachments <= GS_PACKET_ATTACHMENTS_MAX);
  REQUIRE(packet->has_attachments || !packet->attachments);
  REQUIRE(packet->id <= UINT64_C(1) << 53);
  REQUIRE(packet->namespace_len <= GS_PACKET_NAMESPACE_MAX);
  REQUIRE(packet->namespace[0] == '/');
  if (packet->namespace_len > 1) {
    REQUIRE(packet->namespace + packet->namespace_len <=
            text + packet->payload);
  }
  if (packet->name) {
    REQUIRE(packet->type == GS_PACKET_EVENT);
    REQUIRE(packet->name > text + packet->payload);
    REQUIRE(packet->name + packet->name_len < text + len);
  }
}

/* write_head writes the head of |packet|; returns its length. */
static size_t write_head(const gs_packet *packet, char *out, size_t size) {
  bool binary = packet->has_attachments;
  int type =
      packet->type + (binary ? GS_PACKET_BINARY_EVENT - GS_PACKET_EVENT : 0);
  size_t len = (size_t)snprintf(out, size, "%d", type);
  if (binary) {
    len += (size_t)snprintf(out + len, size - len, "%" PRIu32 "-",
                            packet->attachments);
  }
  memcpy(out + len, packet->namespace, packet->namespace_len);
  len += packet->namespace_len;
  out[len++] = ',';
  if (packet->has_id) {
    len += (size_t)snprintf(out + len, size - len, "%" PRIu64, packet->id);
  }
  return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  const char *text = (const char *)data;
  gs_packet first, second;
  int err = gs_packet_parse(text, len, &first);
  if (err) {
    REQUIRE(err <= GS_ERR_PACKET_TYPE && err >= GS_ERR_PACKET_NO_ARRAY);
    return 0;
  }
  check_parts(text, len, &first);
  size_t payload_len = len - first.payload;
  size_t size = GS_PACKET_NAMESPACE_MAX + 64 + payload_len;
  char *again = malloc(size);
  REQUIRE(again);
  size_t head = write_head(&first, again, size);
  memcpy(again + head, text + first.payload, payload_len);
  REQUIRE(!gs_packet_parse(again, head + payload_len, &second));
  REQUIRE(second.type == first.type && second.id == first.id);
  REQUIRE(second.has_id == first.has_id);
  REQUIRE(second.attachments == first.attachments);
  REQUIRE(second.namespace_len == first.namespace_len);
  REQUIRE(second.payload == head);
  REQUIRE((second.name == NULL) == (first.name == NULL));
  free(again);
  return 0;
}
