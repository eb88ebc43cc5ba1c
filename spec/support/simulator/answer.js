/**
 * Sending an answer, whole or spoilt. An answer is { status, headers, body };
 * headers are [name, value] pairs, the body is text, a Buffer, or JSON.
 */
import { Readable } from "node:stream";
import { createGzip, gzipSync } from "node:zlib";
import { after } from "../common/events.js";
import { sleep } from "../common/process.js";

const PIECE = 65536;

/** The bytes of a body. */
export function bytesOf(body) {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

/** A JSON body of |size| bytes, or without end, in pieces. */
function* padding(size) {
  const head =
    '{"id":"padded","notificationUrl":"https://localhost/","padding":"';
  yield Buffer.from(head);
  const piece = Buffer.alloc(PIECE, "x");
  for (let left = size - head.length - 2; left > 0; left -= PIECE)
    yield left < PIECE ? piece.subarray(0, left) : piece;
  yield Buffer.from('"}');
}

function* pieces(bytes, size) {
  for (let at = 0; at < bytes.length; at += size)
    yield bytes.subarray(at, at + size);
}

/** A body that is made while it is sent, compressed if wanted. */
function streamed(fault) {
  const body = padding(fault.endless ? Infinity : fault.fill);
  if (!fault.gzip) return body;
  return Readable.from(body)
    .pipe(createGzip())
    .on("error", () => {});
}

/** Breaks the connection of |response| off, without a goodbye. */
function breakOff(web, request, rst) {
  if (rst) web.connection(request)?.resetAtEnd();
  (request.stream?.session ?? request.socket).destroy();
}

/**
 * Sends |source| piece by piece; each has left before the next is made.
 * @returns {Promise<boolean>} false when the client went away meanwhile
 */
async function body(response, source, every) {
  const gone = after(response, "close").then(() => true);
  for await (const piece of source) {
    // Resolves with an error when the client is gone already.
    const left = new Promise((done) => response.write(piece, done));
    if (await Promise.race([left, gone])) return false;
    if (every) await sleep(every);
  }
  return true;
}

/** Headers as they go out: a fault may add some and lower their case. */
function headersOf(answer, fault, bytes) {
  const pairs = [...answer.headers];
  if (bytes) pairs.push(["Content-Length", String(bytes.length)]);
  if (fault.gzip) pairs.push(["Content-Encoding", "gzip"]);
  if (!fault.lower_case) return pairs;
  return pairs.map(([name, value]) => [name.toLowerCase(), value]);
}

/**
 * @param {import("../common/web.js").Web} web whose connection it is
 * @param {{status: number, headers: [string, string][], body: any}} answer
 * @param {object} [fault] see faults.js
 */
export async function send(web, request, response, answer, fault = {}) {
  if (fault.stall) await sleep(fault.stall);
  if (fault.hang || response.writableEnded) return undefined;
  const { cut, drip } = fault;
  if (cut < 0) return breakOff(web, request, fault.rst);
  const made = fault.fill !== undefined || fault.endless;
  const plain = made ? null : bytesOf(answer.body);
  const bytes = plain && fault.gzip ? gzipSync(plain) : plain;
  response.statusCode = answer.status;
  for (const [name, value] of headersOf(answer, fault, bytes))
    response.setHeader(name, value);
  if (request.method === "HEAD") return response.end();
  if (bytes && !fault.stall_body && !drip && cut === undefined)
    return response.end(bytes);
  response.flushHeaders();
  if (fault.stall_body) await sleep(fault.stall_body);
  const source = bytes
    ? pieces(bytes.subarray(0, cut), drip?.bytes ?? PIECE)
    : streamed(fault);
  if (!(await body(response, source, drip?.every))) return undefined;
  return cut === undefined ? response.end() : breakOff(web, request, fault.rst);
}
