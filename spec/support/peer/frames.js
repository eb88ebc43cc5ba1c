/**
 * RFC 6455 frames by hand, right or wrong: what a well-behaved library refuses
 * to send is what a hostile peer sends.
 */
import { createHash, randomBytes } from "node:crypto";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT = 1;
const BINARY = 2;
export const CLOSE = 8;
/** The first of the reserved bits says that a message is compressed. */
const RSV1 = 4;

/** The Sec-WebSocket-Accept that belongs to |key|. */
export const acceptOf = (key) =>
  createHash("sha1")
    .update(key + GUID)
    .digest("base64");

/** What RFC 7692 takes off each message. */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

const deflate = (bytes) => {
  const flushed = deflateRawSync(bytes, {
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  return flushed.subarray(0, -TAIL.length);
};

/** Bombs take a second each to make, and are thrown many times. */
const deflated = new WeakMap();
function deflateOnce(frame) {
  if (!deflated.has(frame)) deflated.set(frame, deflate(payload(frame)));
  return deflated.get(frame);
}

function inflate(bytes) {
  return inflateRawSync(Buffer.concat([bytes, TAIL]), {
    finishFlush: constants.Z_SYNC_FLUSH,
  });
}

/**
 * The bytes that text, hex, base64 or fill asks for; of text and fill, one
 * after the other, and then tail.
 */
export function payload({ text, hex, base64, fill, byte = "x", tail = "" }) {
  if (hex !== undefined) return Buffer.from(hex, "hex");
  if (base64 !== undefined) return Buffer.from(base64, "base64");
  if (fill === undefined) return Buffer.from((text ?? "") + tail);
  return Buffer.concat([
    Buffer.from(text ?? ""),
    Buffer.alloc(fill, byte),
    Buffer.from(tail),
  ]);
}

function lengthBytes(length, mask) {
  const flag = mask ? 0x80 : 0;
  if (length < 126) return Buffer.from([flag | length]);
  const wide = length > 0xffff;
  const bytes = Buffer.alloc(wide ? 9 : 3);
  bytes[0] = flag | (wide ? 127 : 126);
  wide
    ? bytes.writeBigUInt64BE(BigInt(length), 1)
    : bytes.writeUInt16BE(length, 1);
  return bytes;
}

const maskOf = (mask) =>
  mask === true ? randomBytes(4) : Buffer.from(mask, "hex");

function masked(bytes, key) {
  const out = Buffer.from(bytes);
  for (let at = 0; at < out.length; at++) out[at] ^= key[at & 3];
  return out;
}

/** So many frames are made at once of those that are counted. */
const BATCH = 1000;

/**
 * |count| frames in pieces, "#" in the text being the number of each from 0.
 * @yields {Buffer}
 */
export function* numbered({ count, text, ...rest }) {
  for (let done = 0; done < count; done += BATCH) {
    const batch = [];
    for (let at = done; at < Math.min(done + BATCH, count); at++)
      batch.push(encode({ ...rest, text: text.replaceAll("#", String(at)) }));
    yield Buffer.concat(batch);
  }
}

/**
 * @param {object} frame payload as above; opcode (1 for text, else 2), fin
 *   (true), rsv (bits, 4 is RSV1), mask (false; true, or the key in hex), deflate
 *   (compresses, sets RSV1), length (a lie about it)
 * @returns {Buffer}
 */
export function encode(frame) {
  const body = frame.deflate ? deflateOnce(frame) : payload(frame);
  const standard = frame.text === undefined ? BINARY : TEXT;
  const rsv = (frame.rsv ?? 0) | (frame.deflate ? RSV1 : 0);
  const first =
    (frame.fin === false ? 0 : 0x80) | (rsv << 4) | (frame.opcode ?? standard);
  const key = frame.mask ? maskOf(frame.mask) : undefined;
  return Buffer.concat([
    Buffer.from([first]),
    lengthBytes(frame.length ?? body.length, frame.mask),
    key ?? Buffer.alloc(0),
    key ? masked(body, key) : body,
  ]);
}

/**
 * Takes the first frame off |bytes|.
 * @returns {{frame: object, rest: Buffer}|undefined} undefined: not all there
 */
export function decode(bytes) {
  if (bytes.length < 2) return undefined;
  const [first, second] = bytes;
  let length = second & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  const hidden = (second & 0x80) !== 0;
  const start = at + (hidden ? 4 : 0);
  if (bytes.length < start + length) return undefined;
  const raw = bytes.subarray(start, start + length);
  const body = hidden ? masked(raw, bytes.subarray(at, start)) : raw;
  const frame = shown(
    {
      opcode: first & 15,
      fin: (first & 0x80) !== 0,
      rsv: (first >> 4) & 7,
      mask: hidden,
    },
    body,
  );
  return { frame, rest: bytes.subarray(start + length) };
}

/** A frame as a report shows it. */
function shown(frame, body) {
  const compressed = (frame.rsv & RSV1) !== 0;
  let plain = body;
  if (compressed) {
    try {
      plain = inflate(body);
    } catch {
      return { ...frame, base64: body.toString("base64") };
    }
  }
  if (frame.opcode === CLOSE && plain.length >= 2)
    return {
      ...frame,
      code: plain.readUInt16BE(0),
      text: plain.toString("utf8", 2),
    };
  return frame.opcode === BINARY
    ? { ...frame, base64: plain.toString("base64") }
    : { ...frame, text: plain.toString() };
}
