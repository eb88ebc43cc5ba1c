/* See packet.h. Each reader takes what stands at |at| and leaves |at| behind
 * it; a text that ends early is met as a missing part, never read past. */
#include "packet.h"

#include <string.h>

#include "errors.h"

/* Acknowledgement ids up to 2^53 have at most 16 digits. */
enum { ID_DIGITS_MAX = 16, ATTACHMENTS_DIGITS_MAX = 9 };
static const uint64_t ID_MAX = UINT64_C(1) << 53;

typedef struct {
  const char *text;
  size_t len;
  size_t at;
} reader;

/* reader_peek returns the byte at |at|, or -1 behind the end. */
static int reader_peek(const reader *in, size_t at) {
  return at < in->len ? (unsigned char)in->text[at] : -1;
}

static bool is_digit(int byte) { return byte >= '0' && byte <= '9'; }

/* is_space: what lua-cjson takes for white space, and C's isspace. */
static bool is_space(int byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* reader_take_number reads all digits that follow; a number of more than
 * |digits_max| is given as UINT64_MAX. Returns how many there were. */
static size_t reader_take_number(reader *in, size_t digits_max,
                                 uint64_t *number) {
  size_t start = in->at;
  *number = 0;
  while (is_digit(reader_peek(in, in->at))) {
    size_t digits = in->at - start + 1;
    *number = digits > digits_max
                  ? UINT64_MAX
                  : *number * 10 + (uint64_t)(in->text[in->at] - '0');
    in->at++;
  }
  return in->at - start;
}

static int packet_read_type(reader *in, gs_packet *packet) {
  int type = reader_peek(in, in->at++) - '0';
  if (type < GS_PACKET_CONNECT || type > GS_PACKET_BINARY_ACK) {
    return GS_ERR_PACKET_TYPE;
  }
  packet->type = type;
  if (type < GS_PACKET_BINARY_EVENT) return 0;
  uint64_t count;
  size_t digits = reader_take_number(in, ATTACHMENTS_DIGITS_MAX, &count);
  if (!digits || reader_peek(in, in->at++) != '-')
    return GS_ERR_PACKET_ATTACHMENTS;
  if (count > GS_PACKET_ATTACHMENTS_MAX) return GS_ERR_PACKET_TOO_MANY;
  packet->type =
      type == GS_PACKET_BINARY_EVENT ? GS_PACKET_EVENT : GS_PACKET_ACK;
  packet->has_attachments = true;
  packet->attachments = (uint32_t)count;
  return 0;
}

static int packet_read_namespace(reader *in, gs_packet *packet) {
  packet->namespace = "/";
  packet->namespace_len = 1;
  if (reader_peek(in, in->at) != '/') return 0;
  const char *start = in->text + in->at;
  const char *comma = memchr(start, ',', in->len - in->at);
  /* A packet without a payload may end without the comma; so do some clients'
   * and proxies' CONNECT packets, and the reference parser takes it. */
  size_t len = comma ? (size_t)(comma - start) : in->len - in->at;
  if (len > GS_PACKET_NAMESPACE_MAX) return GS_ERR_PACKET_NAMESPACE;
  packet->namespace = start;
  packet->namespace_len = len;
  in->at += len + (comma != NULL);
  if (!comma &&
      (packet->type == GS_PACKET_EVENT || packet->type == GS_PACKET_ACK)) {
    return GS_ERR_PACKET_COMMA;
  }
  return 0;
}

static int packet_read_id(reader *in, gs_packet *packet) {
  packet->has_id = reader_take_number(in, ID_DIGITS_MAX, &packet->id) > 0;
  return packet->has_id && packet->id > ID_MAX ? GS_ERR_PACKET_ID : 0;
}

/* packet_check_payload: whether it looks like what such packets carry. */
static int packet_check_payload(const reader *in, const gs_packet *packet) {
  if (packet->type == GS_PACKET_DISCONNECT) {
    return in->at < in->len ? GS_ERR_PACKET_SURPLUS : 0;
  }
  if (packet->type != GS_PACKET_EVENT && packet->type != GS_PACKET_ACK) {
    return 0;
  }
  if (in->at >= in->len) return GS_ERR_PACKET_NO_PAYLOAD;
  int last = reader_peek(in, in->len - 1);
  if (reader_peek(in, in->at) != '[' || (last != ']' && last > ' ')) {
    return GS_ERR_PACKET_NO_ARRAY;
  }
  return 0;
}

/* packet_find_name finds an event's name without decoding the payload, where
 * that can be: the name decides whether anybody wants the rest. */
static void packet_find_name(const reader *in, gs_packet *packet) {
  size_t at = in->at + 1;
  while (is_space(reader_peek(in, at))) at++;
  if (reader_peek(in, at) != '"') return;
  size_t start = ++at;
  while (at < in->len && in->text[at] != '"') {
    if (in->text[at] == '\\') return;
    at++;
  }
  size_t end = at++;
  while (is_space(reader_peek(in, at))) at++;
  if (reader_peek(in, at) != ',' && reader_peek(in, at) != ']') return;
  packet->name = in->text + start;
  packet->name_len = end - start;
}

int gs_packet_parse(const char *text, size_t len, gs_packet *packet) {
  reader in = {.text = text, .len = len};
  *packet = (gs_packet){0};
  int err = packet_read_type(&in, packet);
  if (!err) err = packet_read_namespace(&in, packet);
  if (!err) err = packet_read_id(&in, packet);
  if (!err) err = packet_check_payload(&in, packet);
  if (err) return err;
  packet->payload = in.at;
  if (packet->type == GS_PACKET_EVENT) packet_find_name(&in, packet);
  if (packet->type == GS_PACKET_ACK && !packet->has_id) {
    return GS_ERR_PACKET_NO_ID;
  }
  return 0;
}
