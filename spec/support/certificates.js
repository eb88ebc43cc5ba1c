/**
 * Certificates for the specs, made with openssl into a folder:
 *
 *   node spec/support/certificates.js [FOLDER]     (default build/certificates)
 *
 * A folder that is complete is left alone, so every start may call this. It is
 * filled beside its place and renamed, so that of several processes starting at
 * once one wins and none reads half of it. Dates are fixed (2020 to 2049):
 * nothing here expires while a clock is shifted by a test.
 *
 * The keys protect nothing. Do not trust ca.pem anywhere but in tests.
 */
import { execFile } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Written last; another content means the folder is of another recipe. */
const RECIPE = "graphsocket certificates 1\n";

const HERE = dirname(fileURLToPath(import.meta.url));
const HOSTS =
  "DNS:localhost,DNS:simulator.test,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";

/** name of the .pem and .key -> how the certificate is made. */
const LEAVES = {
  server: { by: "ca" },
  expired: { by: "ca", until: "20200102000000Z" },
  future: { by: "ca", from: "20481231000000Z" },
  "wrong-host": { by: "ca", hosts: "DNS:elsewhere.test" },
  revoked: { by: "ca" },
  "other-ca-server": { by: "other-ca" },
  "self-signed": { by: "self" },
  client: { by: "ca", usage: "clientAuth" },
  "other-client": { by: "other-ca", usage: "clientAuth" },
};

/** What a server may be told to show: its names here. */
export const SERVER_CERTIFICATES = [
  "server",
  "expired",
  "future",
  "wrong-host",
  "revoked",
  "other-ca-server",
  "self-signed",
];

/** The configuration of `openssl ca`, which alone can set both dates. */
const config = (folder, hosts, usage) => `
[ca]
default_ca = this
[this]
database = ${folder}/index
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
default_crl_days = 9000
[any]
commonName = supplied
[req]
distinguished_name = any_name
[any_name]
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = ${usage}
subjectAltName = ${hosts}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

/** Makes key and certificate |name| in |folder|. */
async function make(folder, name, leaf) {
  const { by, hosts = HOSTS, usage = "serverAuth" } = leaf;
  const work = join(folder, `.${name}`);
  const file = (suffix) => join(folder, name + suffix);
  mkdirSync(work);
  writeFileSync(join(work, "index"), "");
  writeFileSync(join(work, "config"), config(work, hosts, usage));
  await run("openssl", [
    "req",
    "-new",
    "-nodes",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-config",
    join(work, "config"),
    "-subj",
    `/CN=graphsocket spec ${name}`,
    "-keyout",
    file(".key"),
    "-out",
    join(work, "request"),
  ]);
  const self = by === "self";
  await run("openssl", [
    "ca",
    "-batch",
    "-notext",
    "-config",
    join(work, "config"),
    "-outdir",
    work,
    "-in",
    join(work, "request"),
    "-out",
    file(".pem"),
    "-startdate",
    leaf.from ?? "20200101000000Z",
    "-enddate",
    leaf.until ?? "20491231000000Z",
    "-extensions",
    leaf.authority ? "authority" : "leaf",
    "-keyfile",
    self ? file(".key") : join(folder, `${by}.key`),
    ...(self ? ["-selfsign"] : ["-cert", join(folder, `${by}.pem`)]),
  ]);
}

/** ca.crl: the list of the CA that names revoked.pem. */
async function revoke(folder) {
  const issuer = [
    "-config",
    join(folder, ".revoked", "config"),
    "-keyfile",
    join(folder, "ca.key"),
    "-cert",
    join(folder, "ca.pem"),
  ];
  await run("openssl", [
    "ca",
    "-revoke",
    join(folder, "revoked.pem"),
    ...issuer,
  ]);
  await run("openssl", [
    "ca",
    "-gencrl",
    "-out",
    join(folder, "ca.crl"),
    ...issuer,
  ]);
}

/** ca-path/: ca.pem under its hash, as OpenSSL's CApath wants it. */
async function hash(folder) {
  const ca = join(folder, "ca.pem");
  const { stdout } = await run("openssl", [
    "x509",
    "-hash",
    "-noout",
    "-in",
    ca,
  ]);
  mkdirSync(join(folder, "ca-path"));
  copyFileSync(ca, join(folder, "ca-path", `${stdout.trim()}.0`));
}

const complete = (folder) => {
  const mark = join(folder, "recipe");
  return existsSync(mark) && readFileSync(mark, "utf8") === RECIPE;
};

/**
 * Makes sure that |folder| holds the certificates.
 * @param {string} [folder]
 * @returns {Promise<string>} its absolute path
 */
export async function certificates(folder) {
  const wanted = resolve(
    folder ??
      process.env.GRAPHSOCKET_CERTIFICATES ??
      join(HERE, "../../build/certificates"),
  );
  if (complete(wanted)) return wanted;
  const draft = `${wanted}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  try {
    await Promise.all(
      ["ca", "other-ca"].map((name) =>
        make(draft, name, { by: "self", authority: true }),
      ),
    );
    await Promise.all(
      Object.entries(LEAVES).map(([name, leaf]) => make(draft, name, leaf)),
    );
    await Promise.all([revoke(draft), hash(draft)]);
    for (const name of ["ca", "other-ca", ...Object.keys(LEAVES)])
      rmSync(join(draft, `.${name}`), { recursive: true });
    writeFileSync(join(draft, "recipe"), RECIPE);
    place(draft, wanted);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return wanted;
}

/** Renames the draft into place, over an incomplete folder if need be. */
function place(draft, wanted) {
  try {
    renameSync(draft, wanted);
  } catch (error) {
    if (complete(wanted)) return; // another process was faster
    if (!["ENOTEMPTY", "EEXIST"].includes(error.code)) throw error;
    rmSync(wanted, { recursive: true, force: true });
    renameSync(draft, wanted);
  }
}

/**
 * Key and certificate |name| as the options of a TLS server.
 * @param {string} folder @param {string} [name]
 */
export function identity(folder, name = "server") {
  if (!existsSync(join(folder, `${name}.pem`)))
    throw new Error(
      `no certificate "${name}": ${SERVER_CERTIFICATES.join(", ")}`,
    );
  return {
    key: readFileSync(join(folder, `${name}.key`)),
    cert: readFileSync(join(folder, `${name}.pem`)),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  console.log(await certificates(process.argv[2]));
