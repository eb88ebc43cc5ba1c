/** A refusal in Graph's words, thrown where a request cannot be answered. */
export class GraphError extends Error {
  /**
   * @param {number} status @param {string} code @param {string} message
   * @param {{inner_code?: string, headers?: [string, string][]}} [extra]
   */
  constructor(status, code, message, extra = {}) {
    super(message);
    Object.assign(this, { status, code, extra });
  }
}

export const notFound = () =>
  new GraphError(404, "itemNotFound", "The resource could not be found.");
